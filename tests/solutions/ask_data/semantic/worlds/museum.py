"""A museum: short keys that nobody declared, tables of pairs, years as numbers."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE artist (aid INTEGER NOT NULL, name TEXT, nationality TEXT, birth_year INTEGER, death_year INTEGER);
CREATE TABLE movement (mid INTEGER NOT NULL, name TEXT, century INTEGER);
CREATE TABLE artist_movement (aid INTEGER NOT NULL, mid INTEGER NOT NULL);
CREATE TABLE gallery (gid INTEGER NOT NULL, name TEXT, floor INTEGER, wing TEXT);
CREATE TABLE artwork (wid INTEGER NOT NULL, title TEXT, aid INTEGER, gid INTEGER, year INTEGER, medium TEXT, height_cm NUMERIC, width_cm NUMERIC, appraised_value NUMERIC);
CREATE TABLE exhibition (eid INTEGER NOT NULL, title TEXT, opening_date DATE, closing_date DATE, ticket_price NUMERIC, visitor_count INTEGER);
CREATE TABLE exhibition_artwork (eid INTEGER NOT NULL, wid INTEGER NOT NULL);
INSERT INTO artist VALUES (1,'Pablo Rey','Spanish',1881,1960),(2,'Lena Okafor','Nigerian',1960,NULL),(3,'Paul Morin','French',1870,1931),(4,'Sara Vidal','Spanish',1904,1989),(5,'Yuki Tanabe','Japanese',1975,NULL);
INSERT INTO movement VALUES (1,'Cubism',20),(2,'Surrealism',20),(3,'Impressionism',19),(4,'Minimalism',20);
INSERT INTO artist_movement VALUES (1,1),(1,2),(2,4),(3,3),(4,2),(4,1),(5,4),(5,2);
INSERT INTO gallery VALUES (1,'Blue Room',1,'East'),(2,'Long Hall',1,'West'),(3,'Attic',3,'East');
INSERT INTO artwork VALUES (1,'Broken Guitar',1,1,1912,'oil',120,90,900000),(2,'Dream of Sand',4,1,1938,'oil',80,100,450000),(3,'Red Line',2,3,1999,'acrylic',200,200,120000),
 (4,'Haystacks at Dawn',3,2,1899,'oil',65,92,1500000),(5,'Bather',3,2,1905,'bronze',150,60,700000),(6,'Cube Nine',5,3,2010,'steel',100,100,80000),(7,'Harbor Face',1,1,1921,'bronze',45,30,300000);
INSERT INTO exhibition VALUES (1,'Shapes','2021-05-01','2021-08-31',12,54000),(2,'Spain Modern','2022-02-10','2022-05-10',15,61000),(3,'Less','2022-10-01','2023-01-08',9,23500),(4,'Garden Light','2023-03-01','2023-06-30',14,70250);
INSERT INTO exhibition_artwork VALUES (1,1),(1,6),(2,1),(2,2),(2,7),(3,3),(3,6),(4,4);
"""

QUESTIONS: Final = """
Which artists belong to both the Cubism and the Surrealism movement? | SELECT name FROM artist WHERE aid IN (SELECT aid FROM artist_movement WHERE mid = 1) AND aid IN (SELECT aid FROM artist_movement WHERE mid = 2)
What is the total appraised value of artworks by each artist? | SELECT name, SUM(appraised_value) FROM artwork JOIN artist USING (aid) GROUP BY aid
How many artworks were shown in each exhibition, ordered by the number of artworks in descending order? | SELECT title, COUNT(*) FROM exhibition_artwork JOIN exhibition USING (eid) GROUP BY eid ORDER BY 2 DESC
Which artists do not belong to the Minimalism movement? | SELECT name FROM artist WHERE aid NOT IN (SELECT aid FROM artist_movement WHERE mid = 4)
What is the ratio of artworks to artists? | SELECT 1.0 * (SELECT COUNT(*) FROM artwork) / (SELECT COUNT(*) FROM artist)
Which movement has the most artists? | SELECT name FROM artist_movement JOIN movement USING (mid) GROUP BY mid ORDER BY COUNT(*) DESC LIMIT 1
How many days was each exhibition open? | SELECT title, julianday(closing_date) - julianday(opening_date) FROM exhibition
What are the titles of the 3 most valuable artworks? | SELECT title FROM artwork ORDER BY appraised_value DESC LIMIT 3
What's the title and year of all the artworks made of bronze? | SELECT title, year FROM artwork WHERE medium = 'bronze'
Which exhibitions showed artworks by Spanish artists? | SELECT title FROM exhibition WHERE eid IN (SELECT eid FROM exhibition_artwork JOIN artwork USING (wid) JOIN artist USING (aid) WHERE nationality = 'Spanish')
How many exhibitions opened in 2022? | SELECT COUNT(*) FROM exhibition WHERE opening_date LIKE '2022%'
What is the average visitor count of exhibitions that opened in each year? | SELECT strftime('%Y', opening_date), AVG(visitor_count) FROM exhibition GROUP BY 1
Which gallery holds the oldest artwork? | SELECT name FROM artwork JOIN gallery USING (gid) ORDER BY year LIMIT 1
List the artists whose name starts with the letter "P". | SELECT name FROM artist WHERE name LIKE 'P%'
What is the number of artworks in each medium for each gallery? | SELECT medium, name, COUNT(*) FROM artwork JOIN gallery USING (gid) GROUP BY medium, gid
Which artists belong to the same movement as Lena Okafor? | SELECT DISTINCT name FROM artist JOIN artist_movement USING (aid) WHERE mid IN (SELECT mid FROM artist_movement JOIN artist USING (aid) WHERE name = 'Lena Okafor'); SELECT DISTINCT name FROM artist JOIN artist_movement USING (aid) WHERE mid IN (SELECT mid FROM artist_movement JOIN artist USING (aid) WHERE name = 'Lena Okafor') AND name <> 'Lena Okafor'
What is the average height and width of oil artworks by French artists? | SELECT AVG(height_cm), AVG(width_cm) FROM artwork JOIN artist USING (aid) WHERE medium = 'oil' AND nationality = 'French'
Which exhibition had the lowest number of visitors? | SELECT title FROM exhibition ORDER BY visitor_count LIMIT 1
How does the number of exhibitions change over the years? | SELECT strftime('%Y', opening_date), COUNT(*) FROM exhibition GROUP BY 1
Which artist had the most artworks made after 1900, and how many did he or she have? | SELECT name, COUNT(*) FROM artwork JOIN artist USING (aid) WHERE year > 1900 GROUP BY aid ORDER BY 2 DESC LIMIT 1
What are the names of all galleries ordered alphabetically? | SELECT name FROM gallery ORDER BY name
Which artworks have an appraised value greater than the average? | SELECT title FROM artwork WHERE appraised_value > (SELECT AVG(appraised_value) FROM artwork)
Which artworks have never been exhibited? | SELECT title FROM artwork WHERE wid NOT IN (SELECT wid FROM exhibition_artwork)
How many artworks by Pablo Rey are in the Blue Room gallery? | SELECT COUNT(*) FROM artwork JOIN artist USING (aid) JOIN gallery USING (gid) WHERE artist.name = 'Pablo Rey' AND gallery.name = 'Blue Room'
What is the total number of artworks per wing? | SELECT wing, COUNT(*) FROM artwork JOIN gallery USING (gid) GROUP BY 1
What is the ratio of oil artworks to bronze artworks in each gallery? | SELECT name, 1.0 * SUM(medium = 'oil') / NULLIF(SUM(medium = 'bronze'), 0) FROM artwork JOIN gallery USING (gid) GROUP BY gid
"""
