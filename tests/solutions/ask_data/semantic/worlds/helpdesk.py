"""A support desk: every table has several times of creation and change, states are words and numbers, people
are reached by two keys."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE accounts (account_id INTEGER PRIMARY KEY, name TEXT, plan TEXT, country_code TEXT, seats INTEGER, mrr NUMERIC, created_at TIMESTAMP, churned_at TIMESTAMP);
CREATE TABLE contacts (contact_id INTEGER PRIMARY KEY, account_id INTEGER, full_name TEXT, email TEXT, is_admin BOOLEAN, last_login_at TIMESTAMP, created_at TIMESTAMP);
CREATE TABLE agents (agent_id INTEGER PRIMARY KEY, agent_name TEXT, team TEXT, hired_on DATE, hourly_cost NUMERIC);
CREATE TABLE tickets (ticket_id INTEGER PRIMARY KEY, contact_id INTEGER, agent_id INTEGER, subject TEXT, channel TEXT, priority INTEGER, status TEXT,
  created_at TIMESTAMP, first_response_at TIMESTAMP, resolved_at TIMESTAMP, updated_at TIMESTAMP, satisfaction_score INTEGER);
CREATE TABLE ticket_tags (ticket_id INTEGER, tag_id INTEGER);
CREATE TABLE tags (tag_id INTEGER PRIMARY KEY, label TEXT);
CREATE TABLE messages (message_id INTEGER PRIMARY KEY, ticket_id INTEGER, sender_type TEXT, body TEXT, word_count INTEGER, sent_at TIMESTAMP);
INSERT INTO accounts VALUES (1,'Brightside','pro','US',20,400,'2021-02-01 00:00:00',NULL),(2,'Cobalt','free','DE',3,0,'2022-05-14 00:00:00',NULL),(3,'Dovetail','enterprise','US',150,5200,'2020-10-09 00:00:00',NULL),
 (4,'Ember','pro','FR',12,240,'2023-01-22 00:00:00','2023-05-30 00:00:00'),(5,'Fable','free','US',1,0,'2023-06-19 00:00:00',NULL);
INSERT INTO contacts VALUES (1,1,'Ada Quill','ada@bright.example',1,'2023-07-01 10:00:00','2021-02-02 00:00:00'),(2,1,'Bo Reyes','bo@bright.example',0,'2023-03-11 10:00:00','2021-04-02 00:00:00'),
 (3,2,'Cy Sand','cy@cobalt.example',1,NULL,'2022-05-14 00:00:00'),(4,3,'Di Tran','di@dove.example',1,'2023-07-08 09:00:00','2020-10-10 00:00:00'),(5,3,'Ed Unger','ed@dove.example',0,'2023-06-30 12:00:00','2022-01-10 00:00:00'),
 (6,4,'Fay Vance','fay@ember.example',1,'2023-05-01 08:00:00','2023-01-22 00:00:00');
INSERT INTO agents VALUES (1,'Gil Wolf','billing','2019-03-01',28),(2,'Hal Xu','technical','2021-08-15',35),(3,'Ira York','technical','2022-11-01',31),(4,'Jo Zane','onboarding','2023-04-01',25);
INSERT INTO tickets VALUES
 (1,1,1,'Invoice wrong','email',2,'resolved','2023-01-05 09:00:00','2023-01-05 10:00:00','2023-01-06 09:00:00','2023-01-06 09:00:00',5),
 (2,2,2,'Cannot log in','chat',1,'resolved','2023-02-10 12:00:00','2023-02-10 12:06:00','2023-02-10 15:00:00','2023-02-11 09:00:00',4),
 (3,4,2,'API timeout','email',1,'resolved','2023-03-18 08:00:00','2023-03-18 11:00:00','2023-03-20 08:00:00','2023-03-20 08:00:00',3),
 (4,4,3,'Slow export','phone',3,'open','2023-05-02 14:00:00','2023-05-03 14:00:00',NULL,'2023-06-01 10:00:00',NULL),
 (5,5,2,'SSO setup','email',2,'pending','2023-06-12 10:00:00',NULL,NULL,'2023-06-12 10:00:00',NULL),
 (6,6,1,'Refund','chat',2,'resolved','2023-05-20 16:00:00','2023-05-20 16:30:00','2023-05-22 16:00:00','2023-05-22 16:00:00',2),
 (7,1,3,'Broken chart','chat',3,'open','2023-07-03 11:00:00','2023-07-03 11:20:00',NULL,'2023-07-04 10:00:00',NULL),
 (8,5,NULL,'Add seats','email',3,'open','2023-07-08 17:00:00',NULL,NULL,'2023-07-08 17:00:00',NULL);
INSERT INTO ticket_tags VALUES (1,1),(2,2),(3,3),(3,2),(4,3),(6,1),(7,3),(8,1);
INSERT INTO tags VALUES (1,'billing'),(2,'login'),(3,'bug'),(4,'feature request');
INSERT INTO messages VALUES (1,1,'customer','…',40,'2023-01-05 09:00:00'),(2,1,'agent','…',65,'2023-01-05 10:00:00'),(3,2,'customer','…',12,'2023-02-10 12:00:00'),(4,2,'agent','…',30,'2023-02-10 12:06:00'),
 (5,2,'customer','…',8,'2023-02-10 12:10:00'),(6,3,'customer','…',120,'2023-03-18 08:00:00'),(7,3,'agent','…',90,'2023-03-18 11:00:00'),(8,4,'agent','…',55,'2023-05-03 14:00:00'),(9,7,'agent','…',20,'2023-07-03 11:20:00');
"""

QUESTIONS: Final = """
What are the top 3 accounts by number of tickets? Return the account name and the number of tickets. | SELECT a.name, COUNT(*) FROM tickets JOIN contacts USING (contact_id) JOIN accounts a USING (account_id) GROUP BY account_id ORDER BY 2 DESC LIMIT 3
How many tickets were created in the last 30 days? | SELECT COUNT(*) FROM tickets WHERE created_at >= '2023-06-10'
What is the average satisfaction score per channel? | SELECT channel, AVG(satisfaction_score) FROM tickets GROUP BY 1
What is the average time in hours from creation to first response for each agent? | SELECT agent_name, AVG(julianday(first_response_at) - julianday(created_at)) * 24 FROM tickets JOIN agents USING (agent_id) GROUP BY agent_id
Which agents have not resolved any tickets? | SELECT agent_name FROM agents WHERE agent_id NOT IN (SELECT agent_id FROM tickets WHERE status = 'resolved' AND agent_id IS NOT NULL)
What percentage of tickets are resolved for each team? | SELECT team, 100.0 * SUM(status = 'resolved') / COUNT(*) FROM tickets JOIN agents USING (agent_id) GROUP BY 1
How many accounts have churned? | SELECT COUNT(*) FROM accounts WHERE churned_at IS NOT NULL
Which tickets do not have an agent? Return the ticket ID and subject. | SELECT ticket_id, subject FROM tickets WHERE agent_id IS NULL
What is the total mrr of accounts in the US by plan? | SELECT plan, SUM(mrr) FROM accounts WHERE country_code = 'US' GROUP BY 1
Which tags are used on more than 2 tickets? | SELECT label FROM tags WHERE tag_id IN (SELECT tag_id FROM ticket_tags GROUP BY 1 HAVING COUNT(*) > 2)
What is the most common tag among open tickets? | SELECT label FROM tickets JOIN ticket_tags USING (ticket_id) JOIN tags USING (tag_id) WHERE status = 'open' GROUP BY tag_id ORDER BY COUNT(*) DESC LIMIT 1
List the names and emails of admin contacts who have never logged in. | SELECT full_name, email FROM contacts WHERE is_admin AND last_login_at IS NULL
How many messages did customers send per ticket? Return the ticket ID and number of messages. | SELECT ticket_id, COUNT(*) FROM messages WHERE sender_type = 'customer' GROUP BY 1
What is the ratio of chat tickets to email tickets? | SELECT 1.0 * SUM(channel = 'chat') / SUM(channel = 'email') FROM tickets
Which agent has the lowest average satisfaction score? | SELECT agent_name FROM tickets JOIN agents USING (agent_id) GROUP BY agent_id ORDER BY AVG(satisfaction_score) LIMIT 1
How many tickets were opened each month in 2023, and how many of them were resolved? | SELECT strftime('%Y-%m', created_at), COUNT(*), SUM(status = 'resolved') FROM tickets WHERE created_at LIKE '2023%' GROUP BY 1
What are the 3 longest messages by word count? Return the message ID and word count. | SELECT message_id, word_count FROM messages ORDER BY word_count DESC LIMIT 3
Which accounts signed up in 2023? | SELECT name FROM accounts WHERE created_at LIKE '2023%'
What is the average number of tickets per account? | SELECT AVG(n) FROM (SELECT COUNT(*) AS n FROM tickets JOIN contacts USING (contact_id) GROUP BY account_id)
Return the distinct list of countries of accounts that have an open ticket. | SELECT DISTINCT country_code FROM accounts WHERE account_id IN (SELECT account_id FROM contacts JOIN tickets USING (contact_id) WHERE status = 'open')
How many priority 1 tickets were there in the first quarter of 2023? | SELECT COUNT(*) FROM tickets WHERE priority = 1 AND created_at >= '2023-01-01' AND created_at < '2023-04-01'
Who handled the ticket with the lowest satisfaction score? | SELECT agent_name FROM tickets JOIN agents USING (agent_id) ORDER BY satisfaction_score LIMIT 1
What is the total word count of messages sent by agents in each month? | SELECT strftime('%Y-%m', sent_at), SUM(word_count) FROM messages WHERE sender_type = 'agent' GROUP BY 1
Which contacts belong to accounts on the enterprise plan? | SELECT full_name FROM contacts JOIN accounts USING (account_id) WHERE plan = 'enterprise'
How many seats do accounts on each plan have in total, and what is the average mrr? | SELECT plan, SUM(seats), AVG(mrr) FROM accounts GROUP BY 1
What is the longest time in hours it took to resolve a ticket? | SELECT MAX(julianday(resolved_at) - julianday(created_at)) * 24 FROM tickets
"""
