"""A hotel chain: names in CamelCase, keys that are not declared, stays with two days."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE Hotel (HotelID INTEGER PRIMARY KEY, HotelName TEXT, City TEXT, Country TEXT, StarRating INTEGER, OpenedYear INTEGER);
CREATE TABLE Room (RoomID INTEGER PRIMARY KEY, HotelID INTEGER, RoomNumber TEXT, RoomType TEXT, NightlyRate NUMERIC, MaxOccupancy INTEGER, HasBalcony BOOLEAN);
CREATE TABLE Guest (GuestID INTEGER PRIMARY KEY, FirstName TEXT, LastName TEXT, Email TEXT, Nationality TEXT, BirthDate DATE, LoyaltyTier TEXT);
CREATE TABLE Booking (BookingID INTEGER PRIMARY KEY, GuestID INTEGER, RoomID INTEGER, BookedAt TIMESTAMP, CheckInDate DATE, CheckOutDate DATE,
  Adults INTEGER, TotalPrice NUMERIC, Channel TEXT, BookingStatus TEXT);
CREATE TABLE Review (ReviewID INTEGER PRIMARY KEY, BookingID INTEGER, Score INTEGER, PostedAt TIMESTAMP, Comment TEXT);
CREATE TABLE Payment (PaymentID INTEGER PRIMARY KEY, BookingID INTEGER, PaidAt TIMESTAMP, Amount NUMERIC, Method TEXT);
INSERT INTO Hotel VALUES (1,'Casa Azul','Lisbon','Portugal',4,1998),(2,'Gran Via Inn','Madrid','Spain',3,2006),(3,'Fjord House','Bergen','Norway',5,2015),
 (4,'Puerto Lodge','Cadiz','Spain',4,1985),(5,'Tramway','Porto','Portugal',2,2019);
INSERT INTO Room VALUES (1,1,'101','single',80,1,0),(2,1,'102','double',120,2,1),(3,1,'201','suite',260,4,1),(4,2,'11','single',70,1,0),(5,2,'12','double',95,2,0),
 (6,3,'A1','double',210,2,1),(7,3,'A2','suite',420,4,1),(8,4,'1','single',60,1,0),(9,4,'2','single',65,1,1),(10,4,'3','double',110,2,1),(11,5,'7','double',55,2,0);
INSERT INTO Guest VALUES (1,'Ines','Prado','ines@a.example','Portuguese','1955-04-12','gold'),(2,'Jonas','Berg','jonas@b.example','Norwegian','1990-08-01','silver'),
 (3,'Klara','Novak','klara@c.example','Czech','1978-11-23','gold'),(4,'Luis','Prado',NULL,'Spanish','2001-02-02','none'),(5,'Mia','Keller','mia@d.example','Swiss','1949-06-30','silver'),
 (6,'Noor','Aziz','noor@e.example','Spanish','1985-01-15','none'),(7,'Otto','Lang','otto@f.example','Swiss','1970-10-10','gold');
INSERT INTO Booking VALUES
 (1,1,2,'2022-11-20 10:00:00','2022-12-01','2022-12-05',2,480,'website','completed'),(2,2,6,'2022-12-05 12:30:00','2022-12-20','2022-12-23',2,630,'agency','completed'),
 (3,3,3,'2023-01-10 09:15:00','2023-02-01','2023-02-03',3,520,'website','completed'),(4,4,4,'2023-01-15 20:00:00','2023-01-20','2023-01-21',1,70,'phone','cancelled'),
 (5,5,7,'2023-02-01 08:00:00','2023-03-10','2023-03-14',2,1680,'agency','completed'),(6,1,5,'2023-03-03 18:45:00','2023-03-20','2023-03-25',1,475,'website','completed'),
 (7,3,8,'2023-04-12 11:11:00','2023-05-01','2023-05-02',1,60,'website','cancelled'),(8,6,10,'2023-05-30 13:00:00','2023-06-15','2023-06-18',2,330,'phone','completed'),
 (9,2,1,'2023-06-18 16:20:00','2023-07-01','2023-07-04',1,240,'agency','completed'),(10,5,2,'2023-06-25 07:50:00','2023-08-01','2023-08-08',2,840,'website','confirmed'),
 (11,1,9,'2023-07-02 22:05:00','2023-09-10','2023-09-12',1,130,'website','confirmed');
INSERT INTO Review VALUES (1,1,9,'2022-12-06 09:00:00','lovely'),(2,2,10,'2022-12-24 10:00:00','great'),(3,3,6,'2023-02-05 11:00:00','noisy'),(4,5,8,'2023-03-15 12:00:00','fine'),
 (5,6,4,'2023-03-27 08:00:00','cold'),(6,8,7,'2023-06-20 19:00:00','good'),(7,9,8,'2023-07-05 09:30:00','nice');
INSERT INTO Payment VALUES (1,1,'2022-12-05 10:00:00',480,'card'),(2,2,'2022-12-23 11:00:00',630,'transfer'),(3,3,'2023-02-03 10:00:00',520,'card'),(4,5,'2023-03-01 09:00:00',800,'transfer'),
 (5,5,'2023-03-14 09:30:00',880,'card'),(6,6,'2023-03-25 10:10:00',475,'cash'),(7,8,'2023-06-18 10:00:00',330,'card'),(8,9,'2023-07-04 10:00:00',240,'cash');
"""

QUESTIONS: Final = """
What are the top 3 hotels by number of bookings? Return the hotel name and the number of bookings. | SELECT HotelName, COUNT(*) FROM Booking JOIN Room USING (RoomID) JOIN Hotel USING (HotelID) GROUP BY HotelID ORDER BY 2 DESC LIMIT 3
What is the average nightly rate for each room type? | SELECT RoomType, AVG(NightlyRate) FROM Room GROUP BY 1
How many guests of each nationality are there? Order the results by the number of guests in descending order. | SELECT Nationality, COUNT(*) FROM Guest GROUP BY 1 ORDER BY 2 DESC
Which guests have never made a booking? Return their first name, last name and email. | SELECT FirstName, LastName, Email FROM Guest WHERE GuestID NOT IN (SELECT GuestID FROM Booking)
What is the average number of nights between check-in and check-out? | SELECT AVG(julianday(CheckOutDate) - julianday(CheckInDate)) FROM Booking
What percentage of bookings were cancelled for each channel? | SELECT Channel, 100.0 * SUM(BookingStatus = 'cancelled') / COUNT(*) FROM Booking GROUP BY 1
What is the total price of bookings per hotel for stays that started in 2023? | SELECT HotelName, SUM(TotalPrice) FROM Booking JOIN Room USING (RoomID) JOIN Hotel USING (HotelID) WHERE CheckInDate LIKE '2023%' GROUP BY HotelID
Which hotel has the highest average review score? | SELECT HotelName FROM Review JOIN Booking USING (BookingID) JOIN Room USING (RoomID) JOIN Hotel USING (HotelID) GROUP BY HotelID ORDER BY AVG(Score) DESC LIMIT 1
How many bookings were made in the past 30 days? | SELECT COUNT(*) FROM Booking WHERE BookedAt >= '2023-06-10'
List the distinct cities that have hotels with at least 4 stars. | SELECT DISTINCT City FROM Hotel WHERE StarRating >= 4
Return the guest ID and last name of gold tier guests who booked through the website. | SELECT GuestID, LastName FROM Guest WHERE LoyaltyTier = 'gold' AND GuestID IN (SELECT GuestID FROM Booking WHERE Channel = 'website')
What is the ratio of single rooms to double rooms in each hotel? | SELECT HotelName, 1.0 * SUM(RoomType = 'single') / NULLIF(SUM(RoomType = 'double'), 0) FROM Room JOIN Hotel USING (HotelID) GROUP BY HotelID
What is the most expensive room in each hotel? | SELECT HotelName, RoomNumber FROM Room r JOIN Hotel USING (HotelID) WHERE NightlyRate = (SELECT MAX(NightlyRate) FROM Room x WHERE x.HotelID = r.HotelID); SELECT HotelName, RoomID FROM Room r JOIN Hotel USING (HotelID) WHERE NightlyRate = (SELECT MAX(NightlyRate) FROM Room x WHERE x.HotelID = r.HotelID)
What is the total amount paid by each payment method, from highest to lowest? | SELECT Method, SUM(Amount) FROM Payment GROUP BY 1 ORDER BY 2 DESC
How many rooms with a balcony cost more than 150 per night? | SELECT COUNT(*) FROM Room WHERE HasBalcony AND NightlyRate > 150
What are the names of hotels in Portugal or Spain that opened before 2000? | SELECT HotelName FROM Hotel WHERE Country IN ('Portugal', 'Spain') AND OpenedYear < 2000
Which booking channels have an average total price above 300? | SELECT Channel FROM Booking GROUP BY 1 HAVING AVG(TotalPrice) > 300
What are the highest, lowest and average review scores for each hotel? | SELECT HotelName, MAX(Score), MIN(Score), AVG(Score) FROM Review JOIN Booking USING (BookingID) JOIN Room USING (RoomID) JOIN Hotel USING (HotelID) GROUP BY HotelID
Which guest has the highest total payment amount, and how much is it? | SELECT FirstName, LastName, SUM(Amount) FROM Payment JOIN Booking USING (BookingID) JOIN Guest USING (GuestID) GROUP BY GuestID ORDER BY 3 DESC LIMIT 1
Rank the hotels by their number of rooms. | SELECT HotelName, COUNT(*) FROM Room JOIN Hotel USING (HotelID) GROUP BY HotelID ORDER BY 2 DESC
How many bookings were made per month? | SELECT strftime('%Y-%m', BookedAt), COUNT(*) FROM Booking GROUP BY 1
Hotels without any rooms that have a balcony | SELECT HotelName FROM Hotel WHERE HotelID NOT IN (SELECT HotelID FROM Room WHERE HasBalcony)
How many guests are older than 60? | SELECT COUNT(*) FROM Guest WHERE BirthDate <= '1962-07-10'; SELECT COUNT(*) FROM Guest WHERE BirthDate < '1963-07-10'
What is the average total price of bookings by loyalty tier and channel? | SELECT LoyaltyTier, Channel, AVG(TotalPrice) FROM Booking JOIN Guest USING (GuestID) GROUP BY 1, 2
Which guests have bookings in more than one hotel? | SELECT FirstName, LastName FROM Guest WHERE GuestID IN (SELECT GuestID FROM Booking JOIN Room USING (RoomID) GROUP BY 1 HAVING COUNT(DISTINCT HotelID) > 1)
How many bookings have a check-in date in March 2023? | SELECT COUNT(*) FROM Booking WHERE CheckInDate LIKE '2023-03%'
"""
