"""Our own questions over `schemas`, each with the query that answers it."""

from typing import Final

# question → gold SQL; `{a, b}`: any of these columns
CLINIC: Final = """
How many patients are there? | SELECT COUNT(*) FROM patients
List all departments | SELECT department_name FROM departments
Show the names of the doctors | SELECT full_name FROM doctors
What is the average salary of doctors? | SELECT AVG(salary) FROM doctors
What is the highest fee? | SELECT MAX(fee) FROM appointments
Which doctor earns the highest salary? | SELECT full_name FROM doctors ORDER BY salary DESC LIMIT 1
Who is the best paid doctor? | SELECT full_name FROM doctors ORDER BY salary DESC LIMIT 1
How many doctors work in each department? | SELECT d.department_name, COUNT(*) FROM doctors x JOIN departments d USING (department_id) GROUP BY 1
Average doctor salary per department | SELECT d.department_name, AVG(x.salary) FROM doctors x JOIN departments d USING (department_id) GROUP BY 1
Which department has the most doctors? | SELECT d.department_name FROM doctors x JOIN departments d USING (department_id) GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
Departments without doctors | SELECT department_name FROM departments WHERE department_id NOT IN (SELECT department_id FROM doctors WHERE department_id IS NOT NULL)
How many appointments were cancelled? | SELECT COUNT(*) FROM appointments WHERE status = 'cancelled'
How many completed appointments took place in 2022? | SELECT COUNT(*) FROM appointments WHERE status = 'completed' AND scheduled_at LIKE '2022%'
Number of appointments per month in 2023 | SELECT strftime('%Y-%m', scheduled_at), COUNT(*) FROM appointments WHERE scheduled_at LIKE '2023%' GROUP BY 1
Number of appointments per year | SELECT strftime('%Y', scheduled_at), COUNT(*) FROM appointments GROUP BY 1
Total fees by doctor | SELECT d.full_name, SUM(a.fee) FROM appointments a JOIN doctors d USING (doctor_id) GROUP BY d.doctor_id
Which patients live in Leeds? | SELECT first_name, last_name FROM patients WHERE city = 'Leeds'
How many patients live in York or Hull? | SELECT COUNT(*) FROM patients WHERE city IN ('York', 'Hull')
How many female patients come from Leeds? | SELECT COUNT(*) FROM patients WHERE gender = 'female' AND city = 'Leeds'
Patients who are not from Leeds | SELECT first_name, last_name FROM patients WHERE city <> 'Leeds'
Which patients have never had an appointment? | SELECT first_name, last_name FROM patients WHERE patient_id NOT IN (SELECT patient_id FROM appointments)
List the patients with more than 2 appointments | SELECT first_name, last_name FROM patients WHERE patient_id IN (SELECT patient_id FROM appointments GROUP BY 1 HAVING COUNT(*) > 2)
Which doctors have at least three appointments? | SELECT full_name FROM doctors WHERE doctor_id IN (SELECT doctor_id FROM appointments GROUP BY 1 HAVING COUNT(*) >= 3)
doctors hired before 2015 | SELECT full_name FROM doctors WHERE hire_date < '2015-01-01'
doctors hired between 2012 and 2019 | SELECT full_name FROM doctors WHERE hire_date >= '2012-01-01' AND hire_date < '2020-01-01'
Doctors with a salary over 8000 | SELECT full_name FROM doctors WHERE salary > 8000
How many insured patients are there? | SELECT COUNT(*) FROM patients WHERE is_insured
How many patients are not insured? | SELECT COUNT(*) FROM patients WHERE NOT is_insured
Uninsured patients | SELECT first_name, last_name FROM patients WHERE NOT is_insured
Patients without a phone number | SELECT first_name, last_name FROM patients WHERE phone_number IS NULL
The 3 most expensive medicines | SELECT medicine_name FROM medicines ORDER BY unit_price DESC LIMIT 3
What is the cheapest medicine? | SELECT medicine_name FROM medicines ORDER BY unit_price LIMIT 1
Which medicine was prescribed most often? | SELECT m.medicine_name FROM prescriptions p JOIN medicines m USING (medicine_id) GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
Which medicines were never prescribed? | SELECT medicine_name FROM medicines WHERE medicine_id NOT IN (SELECT medicine_id FROM prescriptions)
How many different specialties are there? | SELECT COUNT(DISTINCT specialty) FROM doctors
Number of patients by city, sorted by number descending | SELECT city, COUNT(*) FROM patients GROUP BY 1
What percentage of appointments were cancelled? | SELECT 100.0 * SUM(status = 'cancelled') / COUNT(*) FROM appointments
Who is the oldest patient? | SELECT first_name, last_name FROM patients ORDER BY date_of_birth LIMIT 1
Patients born after 1990 | SELECT first_name, last_name FROM patients WHERE date_of_birth >= '1991-01-01'
Doctors in the Cardiology department | SELECT full_name FROM doctors JOIN departments USING (department_id) WHERE department_name = 'Cardiology'
Top 2 doctors by number of appointments | SELECT full_name, COUNT(*) FROM appointments JOIN doctors USING (doctor_id) GROUP BY doctor_id ORDER BY 2 DESC LIMIT 2
Average fee of completed appointments per specialty | SELECT specialty, AVG(fee) FROM appointments JOIN doctors USING (doctor_id) WHERE status = 'completed' GROUP BY 1
What is the total fee of appointments with Ada Brand? | SELECT SUM(fee) FROM appointments JOIN doctors USING (doctor_id) WHERE full_name = 'Ada Brand'
How many appointments does Gil Hart have? | SELECT COUNT(*) FROM appointments JOIN patients USING (patient_id) WHERE first_name = 'Gil' AND last_name = 'Hart'
Number of doctors and patients |
Patients whose appointments were all cancelled |
Departments with an average salary above 8000 | SELECT department_name, AVG(salary) FROM doctors JOIN departments USING (department_id) GROUP BY 1 HAVING AVG(salary) > 8000
Doctors with no completed appointments | SELECT full_name FROM doctors WHERE doctor_id NOT IN (SELECT doctor_id FROM appointments WHERE status = 'completed')
Medicines that cost more than 5 | SELECT medicine_name FROM medicines WHERE unit_price > 5
"""

SHOP: Final = """
How many clients do we have? | SELECT COUNT(*) FROM Client
How many customers are from Norway? | SELECT COUNT(*) FROM Client WHERE Country = 'Norway'
List the names and emails of all clients | SELECT Name, Email FROM Client
Which clients have no email? | SELECT Name FROM Client WHERE Email IS NULL
Which products are more expensive than 15? | SELECT Name FROM Product WHERE UnitPrice > 15
Products with a unit price between 10 and 20 | SELECT Name FROM Product WHERE UnitPrice BETWEEN 10 AND 20
Number of products per category | SELECT c.Name, COUNT(*) FROM Product p JOIN Category c USING (CategoryId) GROUP BY 1
Categories with no products | SELECT Name FROM Category WHERE CategoryId NOT IN (SELECT CategoryId FROM Product)
Which category has the most products? | SELECT c.Name FROM Product p JOIN Category c USING (CategoryId) GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
What is the average unit price of kitchen products? | SELECT AVG(UnitPrice) FROM Product JOIN Category USING (CategoryId) WHERE Category.Name = 'Kitchen'
Total revenue | SELECT SUM(TotalAmount) FROM PurchaseOrder
Revenue by country | SELECT Country, SUM(TotalAmount) FROM PurchaseOrder JOIN Client USING (ClientId) GROUP BY 1
Total revenue per month in 2022 | SELECT strftime('%Y-%m', OrderDate), SUM(TotalAmount) FROM PurchaseOrder WHERE OrderDate LIKE '2022%' GROUP BY 1
Revenue per category | SELECT c.Name, SUM(i.UnitPrice * i.Quantity) FROM OrderItem i JOIN Product p USING (ProductId) JOIN Category c USING (CategoryId) GROUP BY 1
Top 3 customers by total amount | SELECT c.Name, SUM(TotalAmount) FROM PurchaseOrder JOIN Client c USING (ClientId) GROUP BY c.ClientId ORDER BY 2 DESC LIMIT 3
Which client spent the most? | SELECT c.Name FROM PurchaseOrder JOIN Client c USING (ClientId) GROUP BY c.ClientId ORDER BY SUM(TotalAmount) DESC LIMIT 1
Who has placed the most orders? | SELECT c.Name FROM PurchaseOrder JOIN Client c USING (ClientId) GROUP BY c.ClientId ORDER BY COUNT(*) DESC LIMIT 1
Clients who never ordered | SELECT Name FROM Client WHERE ClientId NOT IN (SELECT ClientId FROM PurchaseOrder)
Clients who ordered in 2023 | SELECT Name FROM Client WHERE ClientId IN (SELECT ClientId FROM PurchaseOrder WHERE OrderDate >= '2023-01-01' AND OrderDate < '2024-01-01')
How many purchase orders are pending? | SELECT COUNT(*) FROM PurchaseOrder WHERE Status = 'pending'
How many purchase orders per status? | SELECT Status, COUNT(*) FROM PurchaseOrder GROUP BY 1
Purchase orders above 50 | SELECT * FROM PurchaseOrder WHERE TotalAmount > 50
Active clients | SELECT Name FROM Client WHERE IsActive
How many inactive clients are there per country? | SELECT Country, COUNT(*) FROM Client WHERE NOT IsActive GROUP BY 1
What is the average number of stars per product? | SELECT p.Name, AVG(Stars) FROM Review JOIN Product p USING (ProductId) GROUP BY 1
Average stars of the Pan | SELECT AVG(Stars) FROM Review JOIN Product USING (ProductId) WHERE Name = 'Pan'
Which product has the highest average rating? | SELECT p.Name FROM Review JOIN Product p USING (ProductId) GROUP BY 1 ORDER BY AVG(Stars) DESC LIMIT 1
Products without reviews | SELECT Name FROM Product WHERE ProductId NOT IN (SELECT ProductId FROM Review)
Reviews with fewer than 4 stars | SELECT * FROM Review WHERE Stars < 4
How many units of each product were sold? | SELECT p.Name, SUM(Quantity) FROM OrderItem JOIN Product p USING (ProductId) GROUP BY 1
Total quantity sold per product | SELECT p.Name, SUM(Quantity) FROM OrderItem JOIN Product p USING (ProductId) GROUP BY 1
Who bought the Pan? | SELECT Name FROM Client WHERE ClientId IN (SELECT ClientId FROM PurchaseOrder JOIN OrderItem USING (OrderId) JOIN Product USING (ProductId) WHERE Product.Name = 'Pan')
What is the heaviest product? | SELECT Name FROM Product ORDER BY Weight DESC LIMIT 1
Which clients signed up in 2021? | SELECT Name FROM Client WHERE SignupDate LIKE '2021%'
Latest purchase order | SELECT * FROM PurchaseOrder ORDER BY OrderDate DESC LIMIT 1
Which countries do our clients come from? | SELECT DISTINCT Country FROM Client
How many countries are our clients from? | SELECT COUNT(DISTINCT Country) FROM Client
Clients whose name starts with 'S' | SELECT Name FROM Client WHERE Name LIKE 'S%'
Clients sorted by signup date | SELECT Name FROM Client ORDER BY SignupDate
Products that Nora Olsen bought | SELECT Name FROM Product WHERE ProductId IN (SELECT ProductId FROM OrderItem JOIN PurchaseOrder USING (OrderId) JOIN Client USING (ClientId) WHERE Client.Name = 'Nora Olsen')
How many orders were placed by inactive clients? | SELECT COUNT(*) FROM PurchaseOrder JOIN Client USING (ClientId) WHERE NOT IsActive
Number of customers who bought garden products | SELECT COUNT(*) FROM Client WHERE ClientId IN (SELECT ClientId FROM PurchaseOrder JOIN OrderItem USING (OrderId) JOIN Product USING (ProductId) JOIN Category USING (CategoryId) WHERE Category.Name = 'Garden')
Orders shipped in 2023 | SELECT * FROM PurchaseOrder WHERE ShippedDate LIKE '2023%'
How many products has each client bought? |
Products that are out of stock |
Who only bought the Pan? |
Clients who bought all products |
Clients who bought both the Pan and the Rake | SELECT Name FROM Client WHERE ClientId IN (SELECT ClientId FROM PurchaseOrder JOIN OrderItem USING (OrderId) JOIN Product USING (ProductId) WHERE Product.Name = 'Pan') AND ClientId IN (SELECT ClientId FROM PurchaseOrder JOIN OrderItem USING (OrderId) JOIN Product USING (ProductId) WHERE Product.Name = 'Rake')
The second most expensive product |
Products that are cheaper than the average product | SELECT Name FROM Product WHERE UnitPrice < (SELECT AVG(UnitPrice) FROM Product)
What will the revenue be next year? |
Clients who like hiking |
"""

LIBRARY: Final = """
How many books are there? | SELECT COUNT(*) FROM book
How many books are in German? | SELECT COUNT(*) FROM book WHERE language = 'German'
List the titles of books by Tilda Ude | SELECT title FROM book JOIN author ON author.id = author_id WHERE name = 'Tilda Ude'
Which author wrote the most books? | SELECT name FROM book JOIN author ON author.id = author_id GROUP BY author.id ORDER BY COUNT(*) DESC LIMIT 1
Authors with no books | SELECT name FROM author WHERE id NOT IN (SELECT author_id FROM book)
Books published in 2005 | SELECT title FROM book WHERE year = 2005
Books published after 2010 | SELECT title FROM book WHERE year > 2010
How many books were published per year? | SELECT year, COUNT(*) FROM book GROUP BY 1
Average number of pages by language | SELECT language, AVG(pages) FROM book GROUP BY 1
Books with more than 300 pages | SELECT title FROM book WHERE pages > 300
The longest book | SELECT title FROM book ORDER BY pages DESC LIMIT 1
What is the cheapest English book? | SELECT title FROM book WHERE language = 'English' ORDER BY price LIMIT 1
What is the title and price of the 2 most expensive books? | SELECT title, price FROM book ORDER BY price DESC LIMIT 2
How many books does each publisher have? | SELECT p.name, COUNT(*) FROM book JOIN publisher p ON p.id = publisher_id GROUP BY 1
Publishers with more than 2 books | SELECT name FROM publisher WHERE id IN (SELECT publisher_id FROM book GROUP BY 1 HAVING COUNT(*) > 2)
Publishers in Bristol | SELECT name FROM publisher WHERE city = 'Bristol'
Which members borrowed Slate? | SELECT name FROM member WHERE id IN (SELECT member_id FROM loan JOIN book ON book.id = book_id WHERE title = 'Slate')
Members who have never borrowed a book | SELECT name FROM member WHERE id NOT IN (SELECT member_id FROM loan)
How many loans were made in January 2023? | SELECT COUNT(*) FROM loan WHERE loan_date LIKE '2023-01%'
Number of loans per member | SELECT m.name, COUNT(*) FROM loan JOIN member m ON m.id = member_id GROUP BY m.id
Total fines per member | SELECT m.name, SUM(fine) FROM loan JOIN member m ON m.id = member_id GROUP BY m.id
Average age of members by town | SELECT town, AVG(age) FROM member GROUP BY 1
Members older than 30 | SELECT name FROM member WHERE age > 30
Members between 30 and 60 years old |
Youngest member | SELECT name FROM member ORDER BY age LIMIT 1
Members who joined in 2020 or later | SELECT name FROM member WHERE joined >= '2020-01-01'
Books in the Fiction genre | SELECT title FROM book WHERE id IN (SELECT book_id FROM book_genre JOIN genre ON genre.id = genre_id WHERE name = 'Fiction')
Number of books per genre | SELECT g.name, COUNT(*) FROM book_genre JOIN genre g ON g.id = genre_id GROUP BY 1
Average price of books per genre | SELECT g.name, AVG(price) FROM book JOIN book_genre ON book.id = book_id JOIN genre g ON g.id = genre_id GROUP BY 1
How many loans have not been returned? | SELECT COUNT(*) FROM loan WHERE NOT returned
How many Fiction books does Harbor publish? | SELECT COUNT(*) FROM book JOIN publisher ON publisher.id = publisher_id WHERE publisher.name = 'Harbor' AND book.id IN (SELECT book_id FROM book_genre JOIN genre ON genre.id = genre_id WHERE name = 'Fiction')
What languages are the books in? | SELECT DISTINCT language FROM book
How many authors are German or Welsh? | SELECT COUNT(*) FROM author WHERE nationality IN ('German', 'Welsh')
Authors born before 1980 | SELECT name FROM author WHERE birth_year < 1980
Percentage of books in English | SELECT 100.0 * SUM(language = 'English') / COUNT(*) FROM book
Which town has the most members? | SELECT town FROM member GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
Books ordered by year descending | SELECT title FROM book ORDER BY year DESC
Which author's books are borrowed the most? |
Authors who have not published since 2010 |
Books by German authors |
Members from Bath who borrowed Fiction books | SELECT name FROM member WHERE town = 'Bath' AND id IN (SELECT member_id FROM loan JOIN book ON book.id = loan.book_id JOIN book_genre bg ON bg.book_id = book.id JOIN genre g ON g.id = genre_id WHERE g.name = 'Fiction')
Who wrote Nebel? | SELECT name FROM author WHERE id IN (SELECT author_id FROM book WHERE title = 'Nebel')
Most popular genre among books | SELECT g.name FROM book_genre JOIN genre g ON g.id = genre_id GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
How many dragons are in the books? |
What is the weather in Bristol? |
"""

FLEET: Final = """
How many vehicles are there? | SELECT COUNT(*) FROM flt_veh
How many trips did each driver make? | SELECT flt_driver_name, COUNT(*) FROM flt_trip JOIN flt_driver USING (flt_driver_id) GROUP BY flt_driver_id
Total distance per driver | SELECT flt_driver_name, SUM(flt_trip_distance) FROM flt_trip JOIN flt_driver USING (flt_driver_id) GROUP BY flt_driver_id
Average fuel cost of trips by vehicle type | SELECT flt_veh_type, AVG(flt_trip_fuel_cost) FROM flt_trip JOIN flt_veh USING (flt_veh_id) GROUP BY 1
Which driver has the most trips? | SELECT flt_driver_name FROM flt_trip JOIN flt_driver USING (flt_driver_id) GROUP BY flt_driver_id ORDER BY COUNT(*) DESC LIMIT 1
Drivers in the north region | SELECT flt_driver_name FROM flt_driver WHERE flt_driver_region = 'north'
Drivers without trips | SELECT flt_driver_name FROM flt_driver WHERE flt_driver_id NOT IN (SELECT flt_driver_id FROM flt_trip)
Vehicles with a capacity of at least 5 | SELECT * FROM flt_veh WHERE flt_veh_capacity >= 5
Number of trips in February 2023 | SELECT COUNT(*) FROM flt_trip WHERE flt_trip_date LIKE '2023-02%'
How many vans are there? | SELECT COUNT(*) FROM flt_veh WHERE flt_veh_type = 'van'
What is the longest trip distance? | SELECT MAX(flt_trip_distance) FROM flt_trip
How many trips were aborted? | SELECT COUNT(*) FROM flt_trip WHERE flt_trip_status = 'aborted'
Total fuel cost per month | SELECT strftime('%Y-%m', flt_trip_date), SUM(flt_trip_fuel_cost) FROM flt_trip GROUP BY 1
Which vehicle type has the highest average capacity? | SELECT flt_veh_type FROM flt_veh GROUP BY 1 ORDER BY AVG(flt_veh_capacity) DESC LIMIT 1
Distance and fuel cost of done trips | SELECT flt_trip_distance, flt_trip_fuel_cost FROM flt_trip WHERE flt_trip_status = 'done'
Vehicles built after 2016 |
"""

CAMPUS: Final = """
What is the total number of students? | SELECT COUNT(*) FROM students
What is the number of students from each country? | SELECT home_country, COUNT(*) FROM students GROUP BY 1
How many courses does each faculty offer? Return the faculty name and the number of courses. | SELECT f.name, COUNT(*) FROM courses JOIN faculties f ON f.id = faculty_id GROUP BY 1
Return the name and email of students who have not registered for any courses. | SELECT student_name, email FROM students WHERE id NOT IN (SELECT student_id FROM course_registrations)
What is the average grade per course? | SELECT title, AVG(grade) FROM course_registrations JOIN courses ON courses.id = course_id GROUP BY courses.id
Which course has the highest average grade? | SELECT title FROM course_registrations JOIN courses ON courses.id = course_id GROUP BY courses.id ORDER BY AVG(grade) DESC LIMIT 1
What are the top 2 courses by number of registrations? Return the course title and the number of registrations. | SELECT title, COUNT(*) FROM course_registrations JOIN courses ON courses.id = course_id GROUP BY courses.id ORDER BY 2 DESC LIMIT 2
Which students took Algebra? | SELECT student_name FROM students WHERE id IN (SELECT student_id FROM course_registrations JOIN courses ON courses.id = course_id WHERE title = 'Algebra')
How many students are registered for Algebra? | SELECT COUNT(*) FROM students WHERE id IN (SELECT student_id FROM course_registrations JOIN courses ON courses.id = course_id WHERE title = 'Algebra')
What is the maximum gpa among students from Kenya? | SELECT MAX(gpa) FROM students WHERE home_country = 'Kenya'
Students with a GPA above 3 | SELECT student_name FROM students WHERE gpa > 3
Which students have a gpa of at least 3.4? | SELECT student_name FROM students WHERE gpa >= 3.4
List the student names and their gpa, from highest to lowest gpa | SELECT student_name, gpa FROM students
How many advanced courses are there per faculty? | SELECT f.name, COUNT(*) FROM courses JOIN faculties f ON f.id = faculty_id WHERE level = 'advanced' GROUP BY 1
What is the total annual budget of all faculties? | SELECT SUM(annual_budget) FROM faculties
Which faculty has the largest budget? | SELECT name FROM faculties ORDER BY annual_budget DESC LIMIT 1
Which lecturers teach advanced courses? | SELECT first_name, last_name FROM lecturers WHERE id IN (SELECT lecturer_id FROM courses WHERE level = 'advanced')
Lecturers who do not have an office | SELECT first_name, last_name FROM lecturers WHERE office IS NULL
How many lecturers started after 2015? | SELECT COUNT(*) FROM lecturers WHERE started_on >= '2016-01-01'
What is the average monthly pay of lecturers in the Science faculty? | SELECT AVG(monthly_pay) FROM lecturers JOIN faculties ON faculties.id = faculty_id WHERE name = 'Science'
Which lecturer teaches the most courses? | SELECT first_name, last_name FROM courses JOIN lecturers ON lecturers.id = lecturer_id GROUP BY lecturers.id ORDER BY COUNT(*) DESC LIMIT 1
For each semester, what is the number of registrations and the average grade? | SELECT semester, COUNT(*), AVG(grade) FROM course_registrations GROUP BY 1
Number of students who enrolled in 2020 | SELECT COUNT(*) FROM students WHERE enrollment_date LIKE '2020%'
How many students enrolled each year? | SELECT strftime('%Y', enrollment_date), COUNT(*) FROM students GROUP BY 1
What is the ratio of advanced courses to introductory courses? | SELECT 1.0 * SUM(level = 'advanced') / SUM(level = 'introductory') FROM courses
What proportion of students come from Chile? | SELECT 100.0 * SUM(home_country = 'Chile') / COUNT(*) FROM students
Find the courses with more than 5 credits | SELECT title FROM courses WHERE credits > 5
Count the courses worth 6 credits | SELECT COUNT(*) FROM courses WHERE credits = 6
Total credits per student | SELECT student_name, SUM(credits) FROM course_registrations JOIN courses ON courses.id = course_id JOIN students ON students.id = student_id GROUP BY students.id
Which countries have more than one student? | SELECT home_country FROM students GROUP BY 1 HAVING COUNT(*) > 1
Show the lecturers of the Science faculty sorted by last name | SELECT first_name, last_name FROM lecturers JOIN faculties ON faculties.id = faculty_id WHERE name = 'Science'
What courses are taught by Ana Bell? | SELECT title FROM courses JOIN lecturers ON lecturers.id = lecturer_id WHERE first_name = 'Ana' AND last_name = 'Bell'
In which building is the Law faculty? | SELECT building FROM faculties WHERE name = 'Law'
Who has the best grade in Algebra? | SELECT student_name FROM course_registrations JOIN courses ON courses.id = course_id JOIN students ON students.id = student_id WHERE title = 'Algebra' ORDER BY grade DESC LIMIT 1
Students from Kenya or Japan with a gpa below 3.5 | SELECT student_name FROM students WHERE home_country IN ('Kenya', 'Japan') AND gpa < 3.5
Courses of the faculty with the highest budget |
Students who got more than 90 in any course |
Which students failed? |
How many students per lecturer are unhappy? |
"""

# over the Chinook sample database, which lies beside the repository where it is developed
CHINOOK: Final = """
How many tracks are there? | SELECT COUNT(*) FROM Track
How many customers live in Germany? | SELECT COUNT(*) FROM Customer WHERE Country='Germany'
Which country has the most customers? | SELECT Country FROM Customer GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
What are the names of all artists with more than 10 albums? | SELECT Name FROM Artist WHERE ArtistId IN (SELECT ArtistId FROM Album GROUP BY 1 HAVING COUNT(*)>10)
How many tracks are longer than 300000 milliseconds? | SELECT COUNT(*) FROM Track WHERE Milliseconds>300000
What is the total of all invoices? | SELECT SUM(Total) FROM Invoice
What is the average invoice total? | SELECT AVG(Total) FROM Invoice
Average invoice total per country | SELECT BillingCountry, AVG(Total) FROM Invoice GROUP BY 1
How many invoices were issued in 2023? | SELECT COUNT(*) FROM Invoice WHERE InvoiceDate LIKE '2023%'
Total sales in 2023 by country, highest first | SELECT BillingCountry, SUM(Total) FROM Invoice WHERE InvoiceDate LIKE '2023%' GROUP BY 1
Number of invoices per month in 2022 | SELECT strftime('%Y-%m',InvoiceDate), COUNT(*) FROM Invoice WHERE InvoiceDate LIKE '2022%' GROUP BY 1
Which employee supports the most customers? | SELECT e.FirstName, e.LastName FROM Customer c JOIN Employee e ON e.EmployeeId=c.SupportRepId GROUP BY e.EmployeeId ORDER BY COUNT(*) DESC LIMIT 1
Which media types are there? | SELECT Name FROM MediaType
How many tracks per media type? | SELECT m.Name, COUNT(*) FROM Track JOIN MediaType m USING (MediaTypeId) GROUP BY 1
List the albums of Iron Maiden | SELECT Title FROM Album JOIN Artist USING (ArtistId) WHERE Name='Iron Maiden'
List the albums by artist "Deep Purple" | SELECT Title FROM Album JOIN Artist USING (ArtistId) WHERE Name='Deep Purple'
How many albums does the artist Queen have? | SELECT COUNT(*) FROM Album JOIN Artist USING (ArtistId) WHERE Name='Queen'
Which playlist has the most tracks? | SELECT p.Name FROM PlaylistTrack JOIN Playlist p USING (PlaylistId) GROUP BY PlaylistId ORDER BY COUNT(*) DESC LIMIT 1
Customers who have never bought Jazz tracks | SELECT FirstName, LastName FROM Customer WHERE CustomerId NOT IN (SELECT CustomerId FROM Invoice JOIN InvoiceLine USING (InvoiceId) JOIN Track USING (TrackId) JOIN Genre USING (GenreId) WHERE Genre.Name='Jazz')
Customers from Brazil with their email addresses | SELECT FirstName, LastName, Email FROM Customer WHERE Country='Brazil'
Top 3 genres by number of tracks | SELECT g.Name, COUNT(*) FROM Track JOIN Genre g USING (GenreId) GROUP BY 1 ORDER BY 2 DESC LIMIT 3
Top 10 tracks by revenue | SELECT t.Name, SUM(l.UnitPrice*l.Quantity) FROM InvoiceLine l JOIN Track t USING (TrackId) GROUP BY TrackId ORDER BY 2 DESC LIMIT 10
What is the longest track in the Rock genre? | SELECT Track.Name FROM Track JOIN Genre USING (GenreId) WHERE Genre.Name='Rock' ORDER BY Milliseconds DESC LIMIT 1
How many distinct composers are there? | SELECT COUNT(DISTINCT Composer) FROM Track
Tracks without a composer | SELECT Name FROM Track WHERE Composer IS NULL
Invoices over 20 | SELECT * FROM Invoice WHERE Total>20
Invoices with a total between 10 and 15 | SELECT * FROM Invoice WHERE Total BETWEEN 10 AND 15
Employees born before 1965 | SELECT FirstName, LastName FROM Employee WHERE BirthDate<'1965-01-01'
Who is the most recently hired employee? | SELECT FirstName, LastName FROM Employee ORDER BY HireDate DESC LIMIT 1
Employees with the title Sales Support Agent | SELECT FirstName, LastName FROM Employee WHERE Title='Sales Support Agent'
Genres with fewer than 20 tracks | SELECT Name FROM Genre WHERE GenreId NOT IN (SELECT GenreId FROM Track GROUP BY 1 HAVING COUNT(*)>=20)
Which cities have more than one customer? | SELECT City FROM Customer GROUP BY 1 HAVING COUNT(*)>1
How many customers are not from the USA? | SELECT COUNT(*) FROM Customer WHERE Country<>'USA'
What share of customers is from the USA? | SELECT 100.0*SUM(Country='USA')/COUNT(*) FROM Customer
List all albums sorted by title | SELECT Title FROM Album ORDER BY Title
Average unit price of tracks per genre | SELECT g.Name, AVG(UnitPrice) FROM Track JOIN Genre g USING (GenreId) GROUP BY 1
Total quantity sold per genre | SELECT g.Name, SUM(Quantity) FROM InvoiceLine JOIN Track USING (TrackId) JOIN Genre g USING (GenreId) GROUP BY 1
Which artist generated the most revenue? | SELECT a.Name FROM InvoiceLine l JOIN Track USING (TrackId) JOIN Album USING (AlbumId) JOIN Artist a USING (ArtistId) GROUP BY a.ArtistId ORDER BY SUM(l.UnitPrice*l.Quantity) DESC LIMIT 1
Which sales support agent made the most sales? |
How many tracks does the album Machine Head have? | SELECT COUNT(*) FROM Track JOIN Album USING (AlbumId) WHERE Title='Machine Head'
Number of customers per country with more than 5 customers | SELECT Country, COUNT(*) FROM Customer GROUP BY 1 HAVING COUNT(*)>5
Show customers and their invoices | SELECT FirstName, LastName, InvoiceId FROM Customer JOIN Invoice USING (CustomerId)
First invoice | SELECT * FROM Invoice ORDER BY InvoiceDate LIMIT 1
Which customers spent more than 45? | SELECT FirstName, LastName FROM Customer WHERE CustomerId IN (SELECT CustomerId FROM Invoice GROUP BY 1 HAVING SUM(Total)>45)
How much did Helena Holý spend? | SELECT SUM(Total) FROM Invoice JOIN Customer USING (CustomerId) WHERE LastName='Holý'
How many tracks cost 1.99? | SELECT COUNT(*) FROM Track WHERE UnitPrice=1.99
Customers in Paris or London | SELECT FirstName, LastName FROM Customer WHERE City IN ('Paris','London')
What is the email of customer Luis Rojas? | SELECT Email FROM Customer WHERE FirstName='Luis' AND LastName='Rojas'
Customers whose last name starts with S | SELECT FirstName, LastName FROM Customer WHERE LastName LIKE 'S%'
Who only bought Rock tracks? |
Customers who bought both Rock and Jazz | SELECT FirstName, LastName FROM Customer WHERE CustomerId IN (SELECT CustomerId FROM Invoice JOIN InvoiceLine USING (InvoiceId) JOIN Track USING (TrackId) JOIN Genre USING (GenreId) WHERE Genre.Name = 'Rock') AND CustomerId IN (SELECT CustomerId FROM Invoice JOIN InvoiceLine USING (InvoiceId) JOIN Track USING (TrackId) JOIN Genre USING (GenreId) WHERE Genre.Name = 'Jazz')
average number of tracks per album | SELECT AVG(n) FROM (SELECT COUNT(*) AS n FROM Track GROUP BY AlbumId)
second longest track |
Tracks that are longer than average | SELECT Name FROM Track WHERE Milliseconds > (SELECT AVG(Milliseconds) FROM Track)
Delete all customers |
Please remove the customer Luis Rojas |
"""


def pairs(text: str) -> list[tuple[str, str]]:
    """Question and gold SQL of each line; an empty gold: this must not be answered."""
    rows = (line.partition("|") for line in text.strip().splitlines())
    return [(question.strip(), gold.strip()) for question, _, gold in rows]


QUESTIONS: Final = {
    name: pairs(text)
    for name, text in (
        ("clinic", CLINIC),
        ("shop", SHOP),
        ("library", LIBRARY),
        ("fleet", FLEET),
        ("campus", CAMPUS),
    )
}
