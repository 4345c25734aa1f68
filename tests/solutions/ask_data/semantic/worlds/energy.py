"""A power company: readings and outages with times of day, flags, contracts that are still open."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE household (household_id INTEGER PRIMARY KEY, address TEXT, postcode TEXT, region TEXT, residents INTEGER, has_solar BOOLEAN);
CREATE TABLE meter (meter_id INTEGER PRIMARY KEY, household_id INTEGER REFERENCES household(household_id), serial_no TEXT, meter_type TEXT, installed_on DATE);
CREATE TABLE reading (reading_id INTEGER PRIMARY KEY, meter_id INTEGER REFERENCES meter(meter_id), read_at TIMESTAMP, kwh NUMERIC, is_estimated BOOLEAN);
CREATE TABLE tariff (tariff_id INTEGER PRIMARY KEY, tariff_name TEXT, price_per_kwh NUMERIC, standing_charge NUMERIC);
CREATE TABLE contract (contract_id INTEGER PRIMARY KEY, household_id INTEGER REFERENCES household(household_id), tariff_id INTEGER REFERENCES tariff(tariff_id), start_date DATE, end_date DATE);
CREATE TABLE outage (outage_id INTEGER PRIMARY KEY, region TEXT, started_at TIMESTAMP, ended_at TIMESTAMP, cause TEXT, affected_households INTEGER);
CREATE TABLE complaint (complaint_id INTEGER PRIMARY KEY, household_id INTEGER REFERENCES household(household_id), opened_at TIMESTAMP, closed_at TIMESTAMP, category TEXT, severity TEXT);
INSERT INTO household VALUES (1,'1 Elm Road','NX1','North',2,1),(2,'4 Oak Lane','NX1','North',5,0),(3,'9 Fir Street','SX2','South',1,0),(4,'2 Ash Close','SX3','South',4,1),
 (5,'7 Yew Walk','EX4','East',6,0),(6,'3 Box Hill','NX2','North',6,1),(7,'5 Bay Court','EX4','East',3,0);
INSERT INTO meter VALUES (1,1,'A100','smart','2021-03-01'),(2,2,'A101','analogue','2015-06-10'),(3,3,'A102','smart','2022-02-14'),(4,4,'A103','smart','2022-08-08'),(5,5,'A104','analogue','2012-01-20'),(6,6,'A105','smart','2023-01-11');
INSERT INTO reading VALUES (1,1,'2023-01-31 06:00:00',210,0),(2,1,'2023-02-28 06:00:00',190,0),(3,2,'2023-01-31 07:00:00',420,1),(4,2,'2023-03-31 07:30:00',400,1),(5,3,'2023-02-28 05:00:00',95,0),
 (6,4,'2023-02-28 05:10:00',310,0),(7,4,'2022-12-31 05:10:00',350,1),(8,5,'2023-03-31 09:00:00',515,1),(9,6,'2023-03-31 06:00:00',280,0),(10,5,'2022-12-31 09:00:00',545,0);
INSERT INTO tariff VALUES (1,'Fixed Saver',0.31,0.45),(2,'Night Owl',0.22,0.60),(3,'Green Flex',0.35,0.30);
INSERT INTO contract VALUES (1,1,3,'2021-03-01',NULL),(2,2,1,'2015-06-10','2022-06-09'),(3,2,2,'2022-06-10',NULL),(4,3,1,'2022-02-14',NULL),(5,4,3,'2022-08-08','2023-05-31'),(6,5,1,'2012-01-20',NULL),(7,6,3,'2023-01-11',NULL);
INSERT INTO outage VALUES (1,'North','2022-11-03 04:00:00','2022-11-03 09:30:00','storm',1200),(2,'North','2023-01-15 20:00:00','2023-01-15 21:00:00','equipment failure',300),
 (3,'South','2023-02-02 11:00:00','2023-02-02 14:00:00','storm',800),(4,'East','2023-03-19 02:00:00','2023-03-20 01:00:00','storm',2500),(5,'South','2023-06-01 08:00:00','2023-06-01 08:45:00','digging',90);
INSERT INTO complaint VALUES (1,2,'2023-01-16 09:00:00','2023-01-20 09:00:00','outage','high'),(2,2,'2023-03-05 10:00:00','2023-03-07 10:00:00','billing','low'),(3,3,'2023-02-03 08:00:00','2023-02-05 08:00:00','outage','medium'),
 (4,5,'2023-03-21 12:00:00',NULL,'outage','high'),(5,4,'2022-09-09 15:00:00','2022-09-15 15:00:00','billing','low'),(6,6,'2023-06-30 16:00:00',NULL,'meter','medium');
"""

QUESTIONS: Final = """
What is the average kwh of readings in each region? | SELECT region, AVG(kwh) FROM reading JOIN meter USING (meter_id) JOIN household USING (household_id) GROUP BY 1
How many hours did each outage last? Return the outage ID and the number of hours. | SELECT outage_id, (julianday(ended_at) - julianday(started_at)) * 24 FROM outage
Which region had the longest outage? | SELECT region FROM outage ORDER BY julianday(ended_at) - julianday(started_at) DESC LIMIT 1
How many complaints have not been closed? | SELECT COUNT(*) FROM complaint WHERE closed_at IS NULL
What is the average number of days from opening to closing a complaint, by category? | SELECT category, AVG(julianday(closed_at) - julianday(opened_at)) FROM complaint GROUP BY 1
What percentage of households have solar in each region? | SELECT region, 100.0 * SUM(has_solar) / COUNT(*) FROM household GROUP BY 1
Return the household ID and address of households that do not have a contract. | SELECT household_id, address FROM household WHERE household_id NOT IN (SELECT household_id FROM contract)
What is the most common cause of outages? | SELECT cause FROM outage GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1
How many estimated readings were there per month in 2023? | SELECT strftime('%Y-%m', read_at), COUNT(*) FROM reading WHERE is_estimated AND read_at LIKE '2023%' GROUP BY 1
What is the total number of affected households in each region? | SELECT region, SUM(affected_households) FROM outage GROUP BY 1
Which tariff has the most contracts, and what is its price per kwh? | SELECT tariff_name, price_per_kwh FROM contract JOIN tariff USING (tariff_id) GROUP BY tariff_id ORDER BY COUNT(*) DESC LIMIT 1
What are the addresses of households with more than 4 residents in the North region? | SELECT address FROM household WHERE residents > 4 AND region = 'North'
What are the top 3 households by total kwh? Return the address and the total kwh. | SELECT address, SUM(kwh) FROM reading JOIN meter USING (meter_id) JOIN household USING (household_id) GROUP BY household_id ORDER BY 2 DESC LIMIT 3
How many smart meters were installed each year? | SELECT strftime('%Y', installed_on), COUNT(*) FROM meter WHERE meter_type = 'smart' GROUP BY 1
What is the ratio of estimated readings to all readings? | SELECT 1.0 * SUM(is_estimated) / COUNT(*) FROM reading
What is the average number of residents of households with solar and of those without? | SELECT has_solar, AVG(residents) FROM household GROUP BY 1
How many contracts ended before 2023? | SELECT COUNT(*) FROM contract WHERE end_date < '2023-01-01'
How many contracts have no end date? | SELECT COUNT(*) FROM contract WHERE end_date IS NULL
List the complaint categories together with the number of complaints in each, most frequent first. | SELECT category, COUNT(*) FROM complaint GROUP BY 1 ORDER BY 2 DESC
What is the minimum, maximum and average kwh of readings for each meter type? | SELECT meter_type, MIN(kwh), MAX(kwh), AVG(kwh) FROM reading JOIN meter USING (meter_id) GROUP BY 1
Which households filed at least 2 complaints in 2023? | SELECT household_id FROM complaint WHERE opened_at LIKE '2023%' GROUP BY 1 HAVING COUNT(*) >= 2; SELECT address FROM household WHERE household_id IN (SELECT household_id FROM complaint WHERE opened_at LIKE '2023%' GROUP BY 1 HAVING COUNT(*) >= 2)
When was the last reading of each meter? | SELECT meter_id, MAX(read_at) FROM reading GROUP BY 1
What share of the outages was caused by storm? | SELECT 100.0 * SUM(cause = 'storm') / COUNT(*) FROM outage
How many households are there per postcode, excluding the South region? | SELECT postcode, COUNT(*) FROM household WHERE region <> 'South' GROUP BY 1
Which tariffs cost less than 0.33 per kwh? | SELECT tariff_name FROM tariff WHERE price_per_kwh < 0.33
Show the 5 most recent complaints with their category and severity. | SELECT complaint_id, category, severity FROM complaint ORDER BY opened_at DESC LIMIT 5; SELECT category, severity FROM complaint ORDER BY opened_at DESC LIMIT 5
"""
