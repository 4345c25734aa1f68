"""A growers' cooperative: a star of facts and dimensions, whose tables say so in their names."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE dim_grower (grower_key INTEGER PRIMARY KEY, grower_name TEXT, village TEXT, member_since DATE, certified_organic BOOLEAN, hectares NUMERIC);
CREATE TABLE dim_variety (variety_key INTEGER PRIMARY KEY, variety_name TEXT, fruit TEXT, season TEXT);
CREATE TABLE dim_buyer (buyer_key INTEGER PRIMARY KEY, buyer_name TEXT, buyer_type TEXT, city TEXT);
CREATE TABLE fact_delivery (delivery_key INTEGER PRIMARY KEY, grower_key INTEGER REFERENCES dim_grower(grower_key), variety_key INTEGER REFERENCES dim_variety(variety_key), delivered_on DATE, weight_kg NUMERIC, grade TEXT, rejected BOOLEAN);
CREATE TABLE fact_sale (sale_key INTEGER PRIMARY KEY, buyer_key INTEGER REFERENCES dim_buyer(buyer_key), variety_key INTEGER REFERENCES dim_variety(variety_key), sold_on DATE, shipped_on DATE, crates INTEGER, price_per_crate NUMERIC, total_amount NUMERIC);
INSERT INTO dim_grower VALUES (1,'Alder Farm','Holt','2010-05-01',1,12.5),(2,'Birch Field','Holt','2018-03-15',0,7),(3,'Cedar Croft','Wick','2015-09-09',1,20),(4,'Dogwood','Marsh','2021-01-20',0,3.5),(5,'Elder Acre','Wick','2022-06-30',1,5);
INSERT INTO dim_variety VALUES (1,'Gala','apple','autumn'),(2,'Russet','apple','winter'),(3,'Conference','pear','autumn'),(4,'Victoria','plum','summer'),(5,'Bramley','apple','autumn');
INSERT INTO dim_buyer VALUES (1,'Green Basket','supermarket','Leeds'),(2,'Corner Fruit','shop','York'),(3,'Juice Works','factory','Leeds'),(4,'Market Hall','wholesale','Hull');
INSERT INTO fact_delivery VALUES (1,1,1,'2022-09-10',820,'A',0),(2,1,2,'2022-11-20',400,'B',0),(3,2,1,'2022-09-14',600,'A',0),(4,3,3,'2022-10-01',1500,'A',0),(5,3,4,'2023-07-01',300,'C',1),(6,4,4,'2023-07-05',150,'B',0),
 (7,1,1,'2023-06-28',90,'C',1),(8,3,3,'2022-10-22',1100,'B',0);
INSERT INTO fact_sale VALUES (1,1,1,'2022-09-15','2022-09-17',60,9,540),(2,2,1,'2022-09-20','2022-09-21',10,10,100),(3,3,3,'2022-10-10','2022-10-18',100,5,500),(4,1,3,'2022-10-25','2022-10-26',80,8,640),
 (5,4,2,'2022-12-01','2022-12-05',30,7,210),(6,1,4,'2023-07-06','2023-07-07',20,12,240),(7,2,4,'2023-07-07',NULL,5,13,65);
"""

QUESTIONS: Final = """
What is the total weight of deliveries per grower? Return the grower name and total weight. | SELECT grower_name, SUM(weight_kg) FROM fact_delivery JOIN dim_grower USING (grower_key) GROUP BY grower_key
Which variety had the highest total sales amount? | SELECT variety_name FROM fact_sale JOIN dim_variety USING (variety_key) GROUP BY variety_key ORDER BY SUM(total_amount) DESC LIMIT 1
How many deliveries were rejected? | SELECT COUNT(*) FROM fact_delivery WHERE rejected
What percentage of deliveries were rejected per village? | SELECT village, 100.0 * SUM(rejected) / COUNT(*) FROM fact_delivery JOIN dim_grower USING (grower_key) GROUP BY 1
List the growers who have never made a delivery. | SELECT grower_name FROM dim_grower WHERE grower_key NOT IN (SELECT grower_key FROM fact_delivery)
What is the average price per crate for each fruit? | SELECT fruit, AVG(price_per_crate) FROM fact_sale JOIN dim_variety USING (variety_key) GROUP BY 1
How many days did it take on average to ship a sale? | SELECT AVG(julianday(shipped_on) - julianday(sold_on)) FROM fact_sale
What are the total crates sold to each buyer type in 2022, sorted from most to least? | SELECT buyer_type, SUM(crates) FROM fact_sale JOIN dim_buyer USING (buyer_key) WHERE sold_on LIKE '2022%' GROUP BY 1 ORDER BY 2 DESC
Which growers joined after 2016 and are certified organic? | SELECT grower_name FROM dim_grower WHERE member_since >= '2017-01-01' AND certified_organic
Which buyers bought both apples and pears? | SELECT buyer_name FROM dim_buyer WHERE buyer_key IN (SELECT buyer_key FROM fact_sale JOIN dim_variety USING (variety_key) WHERE fruit = 'apple') AND buyer_key IN (SELECT buyer_key FROM fact_sale JOIN dim_variety USING (variety_key) WHERE fruit = 'pear')
What is the total sales amount per month? | SELECT strftime('%Y-%m', sold_on), SUM(total_amount) FROM fact_sale GROUP BY 1
Which 2 villages have the largest total hectares? | SELECT village, SUM(hectares) FROM dim_grower GROUP BY 1 ORDER BY 2 DESC LIMIT 2
How many sales were made in the past 7 days? | SELECT COUNT(*) FROM fact_sale WHERE sold_on >= '2023-07-03'
What is the heaviest delivery of each variety? | SELECT variety_name, MAX(weight_kg) FROM fact_delivery JOIN dim_variety USING (variety_key) GROUP BY variety_key
Return the buyer name and the number of distinct varieties they bought. | SELECT buyer_name, COUNT(DISTINCT variety_key) FROM fact_sale JOIN dim_buyer USING (buyer_key) GROUP BY buyer_key
What share of the total weight was delivered as grade A? | SELECT 100.0 * SUM(CASE WHEN grade = 'A' THEN weight_kg END) / SUM(weight_kg) FROM fact_delivery
Which sales have not been shipped yet? Return the sale key and buyer name. | SELECT sale_key, buyer_name FROM fact_sale JOIN dim_buyer USING (buyer_key) WHERE shipped_on IS NULL
What is the average weight of grade A deliveries by organic growers? | SELECT AVG(weight_kg) FROM fact_delivery JOIN dim_grower USING (grower_key) WHERE grade = 'A' AND certified_organic
Which buyers in Leeds spent more than 1000 in total? | SELECT buyer_name FROM dim_buyer WHERE city = 'Leeds' AND buyer_key IN (SELECT buyer_key FROM fact_sale GROUP BY 1 HAVING SUM(total_amount) > 1000)
How many varieties of each fruit are there? | SELECT fruit, COUNT(*) FROM dim_variety GROUP BY 1
"""
