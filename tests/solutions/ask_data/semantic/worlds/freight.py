"""A shipping company: two keys to the same table, several dates in a table, invoices that may be unpaid."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE ports (port_id INTEGER PRIMARY KEY, port_name TEXT, country TEXT, max_draft NUMERIC);
CREATE TABLE vessels (
  vessel_id INTEGER PRIMARY KEY, vessel_name TEXT, vessel_type TEXT, build_year INTEGER, capacity_teu INTEGER, flag_country TEXT);
CREATE TABLE voyages (
  voyage_id INTEGER PRIMARY KEY, vessel_id INTEGER REFERENCES vessels(vessel_id), origin_port_id INTEGER REFERENCES ports(port_id),
  destination_port_id INTEGER REFERENCES ports(port_id), departure_date DATE, arrival_date DATE, status TEXT, fuel_used NUMERIC);
CREATE TABLE clients (client_id INTEGER PRIMARY KEY, company_name TEXT, country TEXT, contact_email TEXT, signup_date DATE);
CREATE TABLE containers (
  container_id INTEGER PRIMARY KEY, voyage_id INTEGER REFERENCES voyages(voyage_id), client_id INTEGER REFERENCES clients(client_id),
  size_feet INTEGER, contents TEXT, weight_kg NUMERIC, declared_value NUMERIC, is_refrigerated BOOLEAN);
CREATE TABLE invoices (
  invoice_id INTEGER PRIMARY KEY, client_id INTEGER REFERENCES clients(client_id), issued_on DATE, due_date DATE, paid_on DATE,
  amount NUMERIC, currency TEXT);
INSERT INTO ports VALUES (1,'Rotterdam','Netherlands',24),(2,'Santos','Brazil',15),(3,'Busan','South Korea',17),(4,'Durban','South Africa',13);
INSERT INTO vessels VALUES
 (1,'Aurora','container ship',2008,9000,'Panama'),(2,'Boreas','container ship',2015,14000,'Liberia'),(3,'Cygnus','tanker',2012,3000,'Panama'),
 (4,'Dione','bulk carrier',2019,5000,'Malta'),(5,'Electra','tanker',2021,3500,'Malta'),(6,'Fauna','container ship',2018,20000,'Panama');
INSERT INTO voyages VALUES
 (1,1,1,2,'2022-11-03','2022-11-21','completed',820.5),(2,2,3,1,'2023-01-10','2023-02-14','completed',1510),(3,2,1,3,'2023-02-20','2023-03-30','delayed',1600),
 (4,3,2,4,'2023-01-25','2023-02-06','completed',300),(5,4,4,1,'2023-03-02','2023-03-28','completed',640),(6,1,2,1,'2023-04-15','2023-05-01','delayed',790),
 (7,6,3,2,'2023-05-05','2023-06-11','completed',2100),(8,3,4,2,'2023-06-20',NULL,'underway',150);
INSERT INTO clients VALUES
 (1,'Harrow Foods','United Kingdom','ops@harrow.example','2020-03-01'),(2,'Lumen Electric','Germany','trade@lumen.example','2021-07-15'),
 (3,'Orinoco Coffee','Brazil','export@orinoco.example','2023-02-11'),(4,'Sable Textiles','India',NULL,'2022-09-30'),
 (5,'Tundra Steel','Germany','buy@tundra.example','2023-05-23'),(6,'Vela Toys','China','ship@vela.example','2019-12-05');
INSERT INTO containers VALUES
 (1,1,1,40,'frozen meat',18000,90000,1),(2,1,2,40,'electronics',9500,410000,0),(3,2,2,20,'electronics',6200,250000,0),
 (4,2,4,40,'textiles',11000,80000,0),(5,3,6,40,'toys',7000,60000,0),(6,5,1,20,'fruit',12500,30000,1),(7,6,3,20,'coffee',15000,70000,0),
 (8,7,6,40,'toys',7300,65000,0),(9,7,2,40,'electronics',8800,390000,0),(10,6,1,40,'frozen meat',19500,99000,1),(11,3,5,20,'steel',21500,45000,0);
INSERT INTO invoices VALUES
 (1,1,'2022-11-05','2022-12-05','2022-12-01',5200,'GBP'),(2,2,'2022-11-05','2022-12-05','2022-12-20',7100,'EUR'),(3,2,'2023-01-15','2023-02-14','2023-02-10',3900,'EUR'),
 (4,4,'2023-01-16','2023-02-15',NULL,4100,'USD'),(5,6,'2023-02-25','2023-03-27','2023-04-02',4600,'USD'),(6,1,'2023-03-05','2023-04-04','2023-04-01',2300,'GBP'),
 (7,3,'2023-04-20','2023-05-20',NULL,3300,'USD'),(8,6,'2023-05-10','2023-06-09','2023-06-01',5050,'USD'),(9,2,'2023-05-11','2023-06-10',NULL,6900,'EUR'),
 (10,1,'2023-06-30','2023-07-30',NULL,6100,'GBP'),(11,2,'2022-12-12','2023-01-11','2023-01-09',1250,'EUR');
"""

QUESTIONS: Final = """
What are the top 3 clients by total invoice amount? Return the company name, number of invoices and total amount. | SELECT company_name, COUNT(*), SUM(amount) FROM clients JOIN invoices USING (client_id) GROUP BY client_id ORDER BY 3 DESC LIMIT 3
How many voyages departed in each month of 2023? | SELECT strftime('%Y-%m', departure_date), COUNT(*) FROM voyages WHERE departure_date LIKE '2023%' GROUP BY 1
What is the average number of days between departure and arrival for completed voyages? | SELECT AVG(julianday(arrival_date) - julianday(departure_date)) FROM voyages WHERE status = 'completed'
Which vessels have never made a voyage? | SELECT vessel_name FROM vessels WHERE vessel_id NOT IN (SELECT vessel_id FROM voyages)
List the names of vessels built after 2010, ordered by capacity from largest to smallest. | SELECT vessel_name FROM vessels WHERE build_year > 2010 ORDER BY capacity_teu DESC
What is the ratio of refrigerated to non-refrigerated containers? | SELECT 1.0 * SUM(is_refrigerated) / SUM(NOT is_refrigerated) FROM containers
What percentage of invoices have not been paid yet? | SELECT 100.0 * SUM(paid_on IS NULL) / COUNT(*) FROM invoices
Return the company name and the total weight of their containers, for clients with more than 2 containers. | SELECT company_name, SUM(weight_kg) FROM clients JOIN containers USING (client_id) GROUP BY client_id HAVING COUNT(*) > 2
Which vessel type has the highest average capacity? | SELECT vessel_type FROM vessels GROUP BY 1 ORDER BY AVG(capacity_teu) DESC LIMIT 1
How many invoices were paid after their due date? | SELECT COUNT(*) FROM invoices WHERE paid_on > due_date
What is the total declared value of containers per client country? Order by total value descending. | SELECT c.country, SUM(declared_value) FROM containers JOIN clients c USING (client_id) GROUP BY 1 ORDER BY 2 DESC
How many distinct clients were invoiced in the first quarter of 2023? | SELECT COUNT(DISTINCT client_id) FROM invoices WHERE issued_on >= '2023-01-01' AND issued_on < '2023-04-01'
For each vessel, show the date of its first voyage and its most recent voyage. | SELECT vessel_name, MIN(departure_date), MAX(departure_date) FROM voyages JOIN vessels USING (vessel_id) GROUP BY vessel_id
Which clients signed up in the last 6 months? | SELECT company_name FROM clients WHERE signup_date >= '2023-01-10'
What is the average weight of containers carrying electronics? | SELECT AVG(weight_kg) FROM containers WHERE contents = 'electronics'
Show the voyage ID and the duration in days of each completed voyage. | SELECT voyage_id, julianday(arrival_date) - julianday(departure_date) FROM voyages WHERE status = 'completed'
Which clients have both paid and unpaid invoices? | SELECT company_name FROM clients WHERE client_id IN (SELECT client_id FROM invoices WHERE paid_on IS NULL) AND client_id IN (SELECT client_id FROM invoices WHERE paid_on IS NOT NULL)
Return the company name and email of clients who have no invoices. | SELECT company_name, contact_email FROM clients WHERE client_id NOT IN (SELECT client_id FROM invoices)
What are the five heaviest containers? Return their id, contents and weight. | SELECT container_id, contents, weight_kg FROM containers ORDER BY weight_kg DESC LIMIT 5
What is the difference between the highest and the lowest invoice amount? | SELECT MAX(amount) - MIN(amount) FROM invoices
What is the average invoice amount for each currency, and how many invoices are there in each? | SELECT currency, AVG(amount), COUNT(*) FROM invoices GROUP BY 1
Which client had the most invoices in 2022 and how many were there? | SELECT company_name, COUNT(*) FROM invoices JOIN clients USING (client_id) WHERE issued_on LIKE '2022%' GROUP BY client_id ORDER BY 2 DESC LIMIT 1
How many vessels are there of each type and flag country? | SELECT vessel_type, flag_country, COUNT(*) FROM vessels GROUP BY 1, 2
What fraction of voyages were delayed? | SELECT 1.0 * SUM(status = 'delayed') / COUNT(*) FROM voyages; SELECT 100.0 * SUM(status = 'delayed') / COUNT(*) FROM voyages
Which vessels have a capacity above the average capacity? | SELECT vessel_name FROM vessels WHERE capacity_teu > (SELECT AVG(capacity_teu) FROM vessels)
What is the total fuel used by vessels of type 'tanker'? | SELECT SUM(fuel_used) FROM voyages JOIN vessels USING (vessel_id) WHERE vessel_type = 'tanker'
"""
