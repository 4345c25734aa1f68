"""A factory: machines and orders, times of day, rejects, two people in one row, abbreviations in names."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE machine (machine_id INTEGER PRIMARY KEY, machine_code TEXT, line TEXT, vendor TEXT, install_date DATE, max_temp_c NUMERIC, is_active BOOLEAN);
CREATE TABLE operator (operator_id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, shift TEXT, hire_date DATE, hourly_wage NUMERIC);
CREATE TABLE part (part_id INTEGER PRIMARY KEY, part_name TEXT, material TEXT, unit_cost NUMERIC, list_price NUMERIC);
CREATE TABLE work_order (wo_id INTEGER PRIMARY KEY, part_id INTEGER REFERENCES part(part_id), machine_id INTEGER REFERENCES machine(machine_id), operator_id INTEGER REFERENCES operator(operator_id),
  qty_planned INTEGER, qty_produced INTEGER, qty_rejected INTEGER, start_ts TIMESTAMP, end_ts TIMESTAMP, order_status TEXT);
CREATE TABLE downtime (downtime_id INTEGER PRIMARY KEY, machine_id INTEGER REFERENCES machine(machine_id), began_at TIMESTAMP, ended_at TIMESTAMP, reason TEXT, repair_cost NUMERIC);
CREATE TABLE inspection (inspection_id INTEGER PRIMARY KEY, wo_id INTEGER REFERENCES work_order(wo_id), inspected_on DATE, result TEXT, defect_count INTEGER);
INSERT INTO machine VALUES (1,'PR-1','press','Kruger','2012-04-01',450,1),(2,'PR-2','press','Kruger','2018-09-12',500,1),(3,'MI-1','mill','Osaka','2015-01-30',200,1),(4,'MI-2','mill','Osaka','2020-11-05',220,0),(5,'OV-1','oven','Fenn','2009-06-17',900,1);
INSERT INTO operator VALUES (1,'Ann','Boyle','day','2015-02-01',24),(2,'Carl','Diaz','night','2019-10-10',27.5),(3,'Elena','Frye','day','2022-01-03',22),(4,'Gus','Hall','night','2023-05-15',25);
INSERT INTO part VALUES (1,'bracket','steel',2.5,6),(2,'flange','steel',4,9.5),(3,'gear','brass',7,18),(4,'housing','aluminium',12,25),(5,'spacer','brass',0.8,2);
INSERT INTO work_order VALUES
 (1,1,1,1,500,490,12,'2023-01-09 06:00:00','2023-01-09 14:00:00','done'),(2,2,1,2,300,300,5,'2023-01-20 22:00:00','2023-01-21 05:00:00','done'),
 (3,3,3,1,120,110,9,'2023-02-14 06:00:00','2023-02-15 12:00:00','done'),(4,1,2,3,800,805,20,'2023-03-03 07:00:00','2023-03-03 19:00:00','done'),
 (5,4,5,2,60,40,8,'2023-04-22 22:00:00','2023-04-24 06:00:00','aborted'),(6,3,3,2,150,150,3,'2023-05-11 22:00:00','2023-05-12 16:00:00','done'),
 (7,2,2,3,400,0,0,'2023-07-03 06:00:00',NULL,'running'),(8,1,1,1,250,250,2,'2022-12-05 06:00:00','2022-12-05 10:00:00','done');
INSERT INTO downtime VALUES (1,1,'2023-01-10 08:00:00','2023-01-10 12:00:00','hydraulics',900),(2,3,'2023-02-16 09:00:00','2023-02-17 09:00:00','spindle',4200),(3,1,'2023-03-01 10:00:00','2023-03-01 10:45:00','sensor',120),
 (4,5,'2023-04-24 06:00:00','2023-04-26 18:00:00','burner',7600),(5,2,'2023-06-19 13:00:00','2023-06-19 15:30:00','sensor',250);
INSERT INTO inspection VALUES (1,1,'2023-01-10','pass',1),(2,2,'2023-01-22','pass',0),(3,3,'2023-02-16','fail',7),(4,4,'2023-03-06','pass',2),(5,5,'2023-04-25','fail',9),(6,6,'2023-05-13','pass',0),(7,3,'2023-02-20','pass',1);
"""

QUESTIONS: Final = """
What are the top 2 parts by total quantity produced? Return the part name and the total quantity produced. | SELECT part_name, SUM(qty_produced) FROM work_order JOIN part USING (part_id) GROUP BY part_id ORDER BY 2 DESC LIMIT 2
How many work orders were started in each month of 2023? | SELECT strftime('%Y-%m', start_ts), COUNT(*) FROM work_order WHERE start_ts LIKE '2023%' GROUP BY 1
Which machines have had no downtime? Return the machine code. | SELECT machine_code FROM machine WHERE machine_id NOT IN (SELECT machine_id FROM downtime)
What is the total repair cost per machine line, highest first? | SELECT line, SUM(repair_cost) FROM downtime JOIN machine USING (machine_id) GROUP BY 1 ORDER BY 2 DESC
What is the average duration of downtime in hours for each reason? | SELECT reason, AVG(julianday(ended_at) - julianday(began_at)) * 24 FROM downtime GROUP BY 1
What is the inspection pass rate? | SELECT 100.0 * SUM(result = 'pass') / COUNT(*) FROM inspection
Which operators earn more than the average hourly wage? | SELECT first_name, last_name FROM operator WHERE hourly_wage > (SELECT AVG(hourly_wage) FROM operator)
How many active machines are there per vendor? | SELECT vendor, COUNT(*) FROM machine WHERE is_active GROUP BY 1
What percentage of work orders were completed by night shift operators? | SELECT 100.0 * SUM(shift = 'night') / COUNT(*) FROM work_order JOIN operator USING (operator_id)
List the work orders that have not ended. Return the order ID, part name and machine code. | SELECT wo_id, part_name, machine_code FROM work_order JOIN part USING (part_id) JOIN machine USING (machine_id) WHERE end_ts IS NULL
Which work orders took longer than 24 hours? | SELECT wo_id FROM work_order WHERE julianday(end_ts) - julianday(start_ts) > 1
What is the difference between the highest and lowest list price? | SELECT MAX(list_price) - MIN(list_price) FROM part
Which part has the most rejected units? | SELECT part_name FROM work_order JOIN part USING (part_id) GROUP BY part_id ORDER BY SUM(qty_rejected) DESC LIMIT 1
What is the average number of work orders per operator? | SELECT AVG(n) FROM (SELECT COUNT(*) AS n FROM work_order GROUP BY operator_id)
What are the minimum, average and maximum number of defects per inspection result? | SELECT result, MIN(defect_count), AVG(defect_count), MAX(defect_count) FROM inspection GROUP BY 1
How many inspections failed in the first half of 2023? | SELECT COUNT(*) FROM inspection WHERE result = 'fail' AND inspected_on >= '2023-01-01' AND inspected_on < '2023-07-01'
Which operators worked on both press and mill machines? | SELECT first_name, last_name FROM operator WHERE operator_id IN (SELECT operator_id FROM work_order JOIN machine USING (machine_id) WHERE line = 'press') AND operator_id IN (SELECT operator_id FROM work_order JOIN machine USING (machine_id) WHERE line = 'mill')
What is the ratio of steel parts to brass parts? | SELECT 1.0 * SUM(material = 'steel') / SUM(material = 'brass') FROM part
What is the oldest machine on each line? | SELECT line, machine_code FROM machine m WHERE install_date = (SELECT MIN(install_date) FROM machine x WHERE x.line = m.line); SELECT line, machine_id FROM machine m WHERE install_date = (SELECT MIN(install_date) FROM machine x WHERE x.line = m.line)
How many operators were hired in the last 12 months? | SELECT COUNT(*) FROM operator WHERE hire_date >= '2022-07-10'
What is the total planned quantity for parts made of brass? | SELECT SUM(qty_planned) FROM work_order JOIN part USING (part_id) WHERE material = 'brass'
Which machine was down the longest in total? | SELECT machine_code FROM downtime JOIN machine USING (machine_id) GROUP BY machine_id ORDER BY SUM(julianday(ended_at) - julianday(began_at)) DESC LIMIT 1
What is the most common downtime reason and how many times did it occur? | SELECT reason, COUNT(*) FROM downtime GROUP BY 1 ORDER BY 2 DESC LIMIT 1
Return the distinct materials used by machines of the vendor Kruger. | SELECT DISTINCT material FROM part WHERE part_id IN (SELECT part_id FROM work_order JOIN machine USING (machine_id) WHERE vendor = 'Kruger')
How many days after the start of the work order was each inspection done on average? | SELECT AVG(julianday(inspected_on) - julianday(date(start_ts))) FROM inspection JOIN work_order USING (wo_id)
Which work orders produced more than planned? | SELECT wo_id FROM work_order WHERE qty_produced > qty_planned
"""
