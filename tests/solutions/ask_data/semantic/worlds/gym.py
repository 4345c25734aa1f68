"""A fitness club: every name carries a prefix of the house and of its table, keys are not declared."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE fcPlan (fcPlanCode TEXT PRIMARY KEY, fcPlanName TEXT, fcPlanMonthlyFee NUMERIC, fcPlanTier TEXT);
CREATE TABLE fcMember (fcMemId TEXT PRIMARY KEY, fcMemName TEXT NOT NULL, fcMemEmail TEXT, fcMemCity TEXT, fcMemJoinDate DATE NOT NULL, fcMemStatus TEXT, fcMemPlanCode TEXT);
CREATE TABLE fcTrainer (fcTrainerId TEXT PRIMARY KEY, fcTrainerName TEXT, fcTrainerSpecialty TEXT, fcTrainerHourlyRate NUMERIC);
CREATE TABLE fcSession (fcSessId TEXT PRIMARY KEY, fcSessTrainerId TEXT, fcSessMemId TEXT, fcSessStartTime TIMESTAMP, fcSessMinutes INTEGER, fcSessKind TEXT, fcSessRating INTEGER);
CREATE TABLE fcPayment (fcPayId TEXT PRIMARY KEY, fcPayMemId TEXT, fcPayDate DATE, fcPayAmount NUMERIC, fcPayMethod TEXT, fcPayStatus TEXT);
INSERT INTO fcPlan VALUES ('P1','Starter',19,'basic'),('P2','Gold',39,'premium'),('P3','Platinum',59,'premium'),('P4','Offpeak',15,'basic');
INSERT INTO fcMember VALUES ('M1','Anna Larson','anna@club.org','Oslo','2022-05-01','active','P1'),('M2','Bert Kolb','bert@mail.com','Bonn','2022-11-12','active','P2'),
 ('M3','Carl Ericson','carl@club.org','Oslo','2023-01-07','paused','P2'),('M4','Dana Fine','dana@mail.com','Bonn','2023-01-29','active','P3'),
 ('M5','Aldo Greco','aldo@mail.com','Rome','2023-04-18','active','P1'),('M6','Faye Hall',NULL,'Rome','2023-06-02','cancelled','P2'),('M7','Gus Ibsen','gus@club.org','Oslo','2021-02-20','active','P1');
INSERT INTO fcTrainer VALUES ('T1','Rita Sol','yoga',45),('T2','Sven Ulv','boxing',60),('T3','Tess Vane','swimming',50);
INSERT INTO fcSession VALUES ('S1','T1','M1','2022-06-04 09:00:00',60,'yoga',5),('S2','T1','M2','2022-12-01 18:00:00',45,'yoga',4),('S3','T2','M2','2023-01-14 10:00:00',30,'boxing',3),
 ('S4','T2','M4','2023-02-05 11:00:00',50,'boxing',5),('S5','T1','M4','2023-03-07 19:00:00',60,'yoga',5),('S6','T1','M7','2023-05-20 08:00:00',90,'yoga',4),
 ('S7','T2','M1','2023-06-11 12:00:00',40,'boxing',2),('S8','T1','M5','2023-06-21 17:30:00',45,'stretching',4);
INSERT INTO fcPayment VALUES ('F1','M1','2022-06-01',19,'card','success'),('F2','M2','2022-12-01',39,'card','success'),('F3','M3','2023-02-01',39,'bank','failed'),
 ('F4','M3','2023-02-08',39,'bank','success'),('F5','M4','2023-02-28',59,'card','success'),('F6','M4','2023-03-28',59,'card','success'),('F7','M5','2023-05-15',19,'wallet','success'),
 ('F8','M2','2023-05-20',39,'card','failed'),('F9','M7','2023-06-05',19,'wallet','pending'),('F10','M6','2023-06-10',39,'card','success'),('F11','M4','2023-06-28',59,'bank','success'),
 ('F12','M1','2023-07-01',19,'card','success');
"""

QUESTIONS: Final = """
How many active members are there in each city? | SELECT fcMemCity, COUNT(*) FROM fcMember WHERE fcMemStatus = 'active' GROUP BY 1
What are the top 3 members by total payment amount in the past 60 days, inclusive of 60 days ago? Return the member name and total payment amount. | SELECT fcMemName, SUM(fcPayAmount) FROM fcPayment JOIN fcMember ON fcMemId = fcPayMemId WHERE fcPayDate >= '2023-05-11' GROUP BY fcMemId ORDER BY 2 DESC LIMIT 3
Return the member ID and name of members who have never had a session. | SELECT fcMemId, fcMemName FROM fcMember WHERE fcMemId NOT IN (SELECT fcSessMemId FROM fcSession)
What is the average number of minutes per session for each trainer? | SELECT fcTrainerName, AVG(fcSessMinutes) FROM fcSession JOIN fcTrainer ON fcTrainerId = fcSessTrainerId GROUP BY fcTrainerId
Which trainer has the highest average session rating? | SELECT fcTrainerName FROM fcSession JOIN fcTrainer ON fcTrainerId = fcSessTrainerId GROUP BY fcTrainerId ORDER BY AVG(fcSessRating) DESC LIMIT 1
What is the payment success rate for each payment method? Return the method and the success rate. | SELECT fcPayMethod, 100.0 * SUM(fcPayStatus = 'success') / COUNT(*) FROM fcPayment GROUP BY 1
How many sessions took place on weekends? | SELECT COUNT(*) FROM fcSession WHERE strftime('%w', fcSessStartTime) IN ('0', '6')
What is the ratio of yoga sessions to boxing sessions? | SELECT 1.0 * SUM(fcSessKind = 'yoga') / SUM(fcSessKind = 'boxing') FROM fcSession
What is the total amount of successful payments per month in 2023? | SELECT strftime('%Y-%m', fcPayDate), SUM(fcPayAmount) FROM fcPayment WHERE fcPayStatus = 'success' AND fcPayDate LIKE '2023%' GROUP BY 1
List the names of members who joined in January 2023, sorted by name. | SELECT fcMemName FROM fcMember WHERE fcMemJoinDate LIKE '2023-01%' ORDER BY 1
How many distinct members had sessions with each trainer? | SELECT fcTrainerName, COUNT(DISTINCT fcSessMemId) FROM fcSession JOIN fcTrainer ON fcTrainerId = fcSessTrainerId GROUP BY fcTrainerId
What are the top 2 combinations of plan tier and member city by number of members? Return the plan tier, city and number of members. | SELECT fcPlanTier, fcMemCity, COUNT(*) FROM fcMember JOIN fcPlan ON fcPlanCode = fcMemPlanCode GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 2
Which members have an email ending with '.org'? | SELECT fcMemName FROM fcMember WHERE fcMemEmail LIKE '%.org'
Which members paid more than 100 in total? | SELECT fcMemName FROM fcMember WHERE fcMemId IN (SELECT fcPayMemId FROM fcPayment GROUP BY 1 HAVING SUM(fcPayAmount) > 100)
Average monthly fee per plan tier | SELECT fcPlanTier, AVG(fcPlanMonthlyFee) FROM fcPlan GROUP BY 1
number of failed payments by members on the Gold plan | SELECT COUNT(*) FROM fcPayment JOIN fcMember ON fcMemId = fcPayMemId JOIN fcPlan ON fcPlanCode = fcMemPlanCode WHERE fcPayStatus = 'failed' AND fcPlanName = 'Gold'
Which plan has the fewest members? | SELECT fcPlanName FROM fcPlan LEFT JOIN fcMember ON fcPlanCode = fcMemPlanCode GROUP BY fcPlanCode ORDER BY COUNT(fcMemId) LIMIT 1
Return the member ID and the number of days between joining and their first session. | SELECT fcMemId, MIN(julianday(date(fcSessStartTime))) - julianday(fcMemJoinDate) FROM fcMember JOIN fcSession ON fcSessMemId = fcMemId GROUP BY fcMemId
What is the number of members whose name starts with A or ends with 'son'? | SELECT COUNT(*) FROM fcMember WHERE fcMemName LIKE 'A%' OR fcMemName LIKE '%son'
How many sessions lasted longer than 45 minutes? | SELECT COUNT(*) FROM fcSession WHERE fcSessMinutes > 45
For each trainer, return the name, number of sessions and total minutes. | SELECT fcTrainerName, COUNT(*), SUM(fcSessMinutes) FROM fcSession JOIN fcTrainer ON fcTrainerId = fcSessTrainerId GROUP BY fcTrainerId; SELECT fcTrainerName, COUNT(fcSessId), SUM(fcSessMinutes) FROM fcTrainer LEFT JOIN fcSession ON fcTrainerId = fcSessTrainerId GROUP BY fcTrainerId
What is the average hourly rate of trainers with at least 3 sessions? | SELECT AVG(fcTrainerHourlyRate) FROM fcTrainer WHERE fcTrainerId IN (SELECT fcSessTrainerId FROM fcSession GROUP BY 1 HAVING COUNT(*) >= 3)
Who is the member with the earliest join date? | SELECT fcMemName FROM fcMember ORDER BY fcMemJoinDate LIMIT 1
Return the distinct list of trainer IDs who held a 'yoga' session. | SELECT DISTINCT fcSessTrainerId FROM fcSession WHERE fcSessKind = 'yoga'
How many members joined each year, and how many of them are active? | SELECT strftime('%Y', fcMemJoinDate), COUNT(*), SUM(fcMemStatus = 'active') FROM fcMember GROUP BY 1
What are the 2 most common payment methods? Return the method and the number of payments. | SELECT fcPayMethod, COUNT(*) FROM fcPayment GROUP BY 1 ORDER BY 2 DESC LIMIT 2
"""
