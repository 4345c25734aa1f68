"""A podcast network: plays as facts, subscriptions that end, sponsors with money, keys by abbreviation."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE shows (show_id INTEGER PRIMARY KEY, show_title TEXT, host_name TEXT, genre TEXT, language TEXT, launched_on DATE, is_explicit BOOLEAN);
CREATE TABLE episodes (ep_id INTEGER PRIMARY KEY, show_id INTEGER REFERENCES shows(show_id), ep_title TEXT, season_no INTEGER, duration_min INTEGER, published_at TIMESTAMP);
CREATE TABLE listeners (listener_id INTEGER PRIMARY KEY, username TEXT, country TEXT, birth_date DATE, registered_at TIMESTAMP, tier TEXT);
CREATE TABLE plays (play_id INTEGER PRIMARY KEY, ep_id INTEGER REFERENCES episodes(ep_id), listener_id INTEGER REFERENCES listeners(listener_id), played_at TIMESTAMP, minutes_listened INTEGER, device TEXT, finished BOOLEAN);
CREATE TABLE subscriptions (sub_id INTEGER PRIMARY KEY, listener_id INTEGER REFERENCES listeners(listener_id), show_id INTEGER REFERENCES shows(show_id), started_on DATE, cancelled_on DATE, monthly_price NUMERIC);
CREATE TABLE sponsors (sponsor_id INTEGER PRIMARY KEY, sponsor_name TEXT, industry TEXT);
CREATE TABLE ad_slots (slot_id INTEGER PRIMARY KEY, ep_id INTEGER REFERENCES episodes(ep_id), sponsor_id INTEGER REFERENCES sponsors(sponsor_id), position TEXT, price NUMERIC, seconds INTEGER);
INSERT INTO shows VALUES (1,'Deep Sea Tales','Mara Finch','science','English','2019-03-01',0),(2,'Cold Files','Theo Grant','crime','English','2021-06-15',1),(3,'Recettes','Lise Caron','food','French','2022-01-10',0),(4,'Night Radio','Theo Grant','music','English','2023-02-01',0);
INSERT INTO episodes VALUES (1,1,'Vents',1,42,'2022-11-01 06:00:00'),(2,1,'Squid',1,38,'2022-12-01 06:00:00'),(3,2,'The Lake',2,61,'2023-01-15 05:00:00'),(4,2,'The Letter',2,55,'2023-02-19 05:00:00'),
 (5,3,'Tarte',1,25,'2023-03-04 07:00:00'),(6,1,'Reefs',2,47,'2023-05-02 06:00:00'),(7,2,'The Key',3,70,'2023-06-25 05:00:00');
INSERT INTO listeners VALUES (1,'ann','US','1990-05-05','2021-01-01 00:00:00','free'),(2,'bob','US','1958-08-08','2022-04-11 00:00:00','plus'),(3,'chi','FR','2001-01-31','2022-12-24 00:00:00','plus'),(4,'dee','CA','1975-10-10','2023-06-20 00:00:00','free'),(5,'eli','FR',NULL,'2023-07-01 00:00:00','free');
INSERT INTO plays VALUES (1,1,1,'2022-11-02 08:00:00',42,'phone',1),(2,1,2,'2022-11-05 09:00:00',10,'car',0),(3,3,1,'2023-01-16 18:00:00',61,'phone',1),(4,3,2,'2023-01-21 20:00:00',61,'speaker',1),(5,4,2,'2023-02-20 07:00:00',30,'car',0),
 (6,5,3,'2023-03-05 10:00:00',25,'phone',1),(7,6,1,'2023-05-03 08:00:00',20,'phone',0),(8,7,2,'2023-06-25 21:00:00',70,'speaker',1),(9,7,4,'2023-07-02 12:00:00',35,'phone',0),(10,3,3,'2023-07-08 13:00:00',61,'phone',1);
INSERT INTO subscriptions VALUES (1,1,1,'2022-01-01',NULL,3),(2,2,2,'2022-05-01','2023-05-01',5),(3,2,1,'2022-05-01',NULL,3),(4,3,3,'2023-01-01',NULL,4),(5,1,2,'2023-01-20','2023-03-20',5);
INSERT INTO sponsors VALUES (1,'BrewBox','food'),(2,'SafeNet','software'),(3,'Mattro','furniture');
INSERT INTO ad_slots VALUES (1,1,1,'pre-roll',200,30),(2,3,2,'mid-roll',900,60),(3,3,1,'pre-roll',350,30),(4,4,2,'mid-roll',850,60),(5,5,1,'mid-roll',150,45),(6,7,2,'pre-roll',600,30);
"""

QUESTIONS: Final = """
What are the top 3 shows by number of plays? Return the show title and the number of plays. | SELECT show_title, COUNT(*) FROM plays JOIN episodes USING (ep_id) JOIN shows USING (show_id) GROUP BY show_id ORDER BY 2 DESC LIMIT 3
What is the total number of minutes listened per country in 2023? | SELECT country, SUM(minutes_listened) FROM plays JOIN listeners USING (listener_id) WHERE played_at LIKE '2023%' GROUP BY 1
Which listeners have never played an episode? | SELECT username FROM listeners WHERE listener_id NOT IN (SELECT listener_id FROM plays)
What is the average episode duration for each genre? | SELECT genre, AVG(duration_min) FROM episodes JOIN shows USING (show_id) GROUP BY 1
What percentage of plays were finished on each device? | SELECT device, 100.0 * SUM(finished) / COUNT(*) FROM plays GROUP BY 1
How many distinct listeners played an episode in each month of 2023? | SELECT strftime('%Y-%m', played_at), COUNT(DISTINCT listener_id) FROM plays WHERE played_at LIKE '2023%' GROUP BY 1
Which shows have no sponsors? | SELECT show_title FROM shows WHERE show_id NOT IN (SELECT show_id FROM episodes JOIN ad_slots USING (ep_id))
How many subscriptions have been cancelled? | SELECT COUNT(*) FROM subscriptions WHERE cancelled_on IS NOT NULL
What is the average number of days from the start to the cancellation of a subscription? | SELECT AVG(julianday(cancelled_on) - julianday(started_on)) FROM subscriptions
What is the total ad revenue per sponsor industry? | SELECT industry, SUM(price) FROM ad_slots JOIN sponsors USING (sponsor_id) GROUP BY 1
Return the title and duration of the 3 longest episodes. | SELECT ep_title, duration_min FROM episodes ORDER BY duration_min DESC LIMIT 3
Who hosts more than one show? | SELECT host_name FROM shows GROUP BY 1 HAVING COUNT(*) > 1
What is the ratio of free listeners to plus listeners? | SELECT 1.0 * SUM(tier = 'free') / SUM(tier = 'plus') FROM listeners
What was the most played episode in the last 30 days? | SELECT ep_title FROM plays JOIN episodes USING (ep_id) WHERE played_at >= '2023-06-10' GROUP BY ep_id ORDER BY COUNT(*) DESC LIMIT 1
Which episodes are longer than the average episode? | SELECT ep_title FROM episodes WHERE duration_min > (SELECT AVG(duration_min) FROM episodes)
List the English shows that are not explicit, sorted by launch date. | SELECT show_title FROM shows WHERE language = 'English' AND NOT is_explicit ORDER BY launched_on
How many listeners are older than 40? | SELECT COUNT(*) FROM listeners WHERE birth_date < '1983-07-10'
What is the latest episode of each show? | SELECT show_title, ep_title FROM episodes e JOIN shows USING (show_id) WHERE published_at = (SELECT MAX(published_at) FROM episodes x WHERE x.show_id = e.show_id)
Which sponsors spent more than 1000 in total? | SELECT sponsor_name FROM sponsors WHERE sponsor_id IN (SELECT sponsor_id FROM ad_slots GROUP BY 1 HAVING SUM(price) > 1000)
What is the number of episodes per show and season? | SELECT show_title, season_no, COUNT(*) FROM episodes JOIN shows USING (show_id) GROUP BY show_id, season_no
How many plays happened on weekends? | SELECT COUNT(*) FROM plays WHERE strftime('%w', played_at) IN ('0', '6')
Which listeners subscribed to both Deep Sea Tales and Cold Files? | SELECT username FROM listeners WHERE listener_id IN (SELECT listener_id FROM subscriptions WHERE show_id = 1) AND listener_id IN (SELECT listener_id FROM subscriptions WHERE show_id = 2)
What is the minimum, maximum and average price of mid-roll ad slots? | SELECT MIN(price), MAX(price), AVG(price) FROM ad_slots WHERE position = 'mid-roll'
What is the average number of plays per episode? | SELECT AVG(n) FROM (SELECT COUNT(*) AS n FROM plays GROUP BY ep_id)
Return the distinct list of countries of listeners who have an active plus tier. | SELECT DISTINCT country FROM listeners WHERE tier = 'plus'
For each genre, which show has the most subscriptions? | SELECT genre, show_title FROM (SELECT genre, show_title, RANK() OVER (PARTITION BY genre ORDER BY COUNT(*) DESC) AS place FROM subscriptions JOIN shows USING (show_id) GROUP BY show_id) WHERE place = 1
"""
