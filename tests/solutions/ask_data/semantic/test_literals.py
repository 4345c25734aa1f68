"""Reuse that cannot lie: a stored SQL may answer another wording, never another question."""

from datetime import date
from typing import Final

import pytest

from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.solutions.ask_data.semantic.literals import difference, fingerprint, same

_CATALOGUE: Final = Catalogue(
    dialect="sqlite",
    tables=(
        Table(
            name="Customer",
            columns=(
                Column(name="CustomerId", type="INTEGER", kind="integer", primary_key=True),
                Column(name="City", type="TEXT", kind="text", values=("Paris", "Oslo", "Rome", "New York")),
                Column(name="Country", type="TEXT", kind="text", values=("Canada", "Norway", "US", "Italy")),
                Column(name="Status", type="TEXT", kind="text", values=("active", "closed", "on hold")),
            ),
        ),
        Table(
            name="Order",
            columns=(
                Column(name="OrderId", type="INTEGER", kind="integer", primary_key=True),
                Column(name="Total", type="NUMERIC", kind="number"),
                Column(name="Placed", type="DATE", kind="date"),
            ),
        ),
    ),
)  # fmt: skip

# One line, two questions, one answer must not serve the other.
_EDITS: Final = """
How many orders were placed in 2012? | How many orders were placed in 2013?
Orders in March 2020 | Orders in April 2020
Orders in March 2020 | Orders in March 2021
Orders in Q1 2023 | Orders in Q2 2023
Orders in the first quarter of 2023 | Orders in the third quarter of 2023
Orders on 2023-04-01 | Orders on 2023-04-02
Orders on March 5, 2020 | Orders on March 6, 2020
Orders before 2012 | Orders after 2012
Orders since 2012 | Orders in 2012
Orders since 2012 | Orders until 2012
Orders between 2012 and 2014 | Orders between 2012 and 2015
Orders from 2012 to 2014 | Orders from 2012 to 2013
Orders in the last 30 days | Orders in the last 60 days
Orders in the last 3 months | Orders in the last 3 years
Orders in the last 7 days | Orders in the next 7 days
Orders last month | Orders this month
Orders last year | Orders last quarter
Orders today | Orders yesterday
Orders in the 1990s | Orders in the 1980s
Orders on or after 2023-01-01 | Orders on or before 2023-01-01
Top 5 customers by total | Bottom 5 customers by total
Top 5 customers by total | Top 10 customers by total
Top five customers by total | Top six customers by total
Top 5 customers by total | Top 5 customers by average
Top 5 customers by total | Top 5 cities by total
Top 5 customers by total | 5 customers by total
The cheapest product | The most expensive product
The oldest customer | The youngest customer
The newest order | The oldest order
The first order | The last order
The latest order | The earliest order
The longest song | The shortest song
The largest order | The smallest order
The highest total | The lowest total
Which customer has the most orders? | Which customer has the fewest orders?
Which customer has the most orders? | Which customer has the least orders?
Which customer has the most orders? | Which customers have orders?
Which city has the most customers? | Which country has the most customers?
The best rated product | The worst rated product
The most recent order | The most expensive order
The second order | The third order
Customers in Paris | Customers in Oslo
Customers in Paris | Customers in Paris and Oslo
Customers in Paris or Oslo | Customers in Paris or Rome
Customers in Paris or Oslo | Customers in Paris and Oslo
Customers in New York | Customers in York
Customers in Canada | Customers in Norway
Customers in US | Customers
Customers in the US | Customers in the UK
Customers named Bill | Customers named Bills
Customers named "Smith" | Customers named "Smyth"
Products of Apple | Products of Apples
Orders of Alice | Orders of Bob
Active customers | Closed customers
Active customers | Inactive customers
Customers on hold | Customers
Customers in Paris | Customers not in Paris
Customers in Paris | Customers outside Paris
Customers in Paris | Customers except in Paris
Customers in Paris | Customers other than in Paris
Customers who ordered | Customers who never ordered
Customers who ordered | Customers who did not order
Customers who are active | Customers who aren't active
Customers who are active | Customers who are not active
Customers with orders | Customers without orders
Customers with orders | Customers with no orders
Customers that have orders | Customers that have no orders
Customers with orders and without invoices | Customers with invoices and without orders
Customers with an email | Customers without an email
Products that include nuts | Products that exclude nuts
Menus that includes wine | Menus that excludes wine
Orders including tax | Orders excluding tax
Only active customers | Active customers
Orders over 100 | Orders under 100
Orders over 100 | Orders over 1000
Orders over 100 | Orders over 100.5
Orders over 10% | Orders over 10
Orders above 5 | Orders below 5
Orders above 5 | Orders of 5
Orders > 5 | Orders < 5
Orders > 5 | Orders >= 5
Orders <= 5 | Orders < 5
Orders = 5 | Orders != 5
Customers with more than 5 orders | Customers with less than 5 orders
Customers with more than 5 orders | Customers with at least 5 orders
Customers with more than 5 orders | Customers with exactly 5 orders
Customers with more than 5 orders | Customers with 5 orders
Customers with more than 5 orders | Customers with more than 6 orders
Customers with more than five orders | Customers with more than fifty orders
Customers with fewer than 3 orders | Customers with at most 3 orders
Customers with at least 3 orders | Customers with at most 3 orders
Customers with 3 or more orders | Customers with 3 or fewer orders
Orders between 10 and 20 | Orders between 10 and 30
Orders between 10 and 20 | Orders between 20 and 10
Songs longer than 5 minutes | Songs shorter than 5 minutes
Songs longer than 5 minutes | Songs longer than 5 seconds
Customers older than 40 | Customers younger than 40
Boxes heavier than 10 | Boxes taller than 10
Orders per month | Orders per year
Orders per month | Orders per week
Orders per customer | Orders per country
Orders by city | Orders by country
Number of orders per customer | Number of orders
Average total per city | Average total per country
Revenue for each month | Revenue for each quarter
Daily orders | Weekly orders
Monthly revenue | Yearly revenue
Average order total | Total order total
Average price | Maximum price
Average price | Median price
Maximum price | Minimum price
Total price | Average price
How many customers | Which customers
How many customers are there? | How many countries are there?
How many different cities | How many cities
Distinct cities | Cities
Number of orders | Total of orders
Percentage of active customers | Number of active customers
Ratio of active to closed customers | Ratio of closed to active customers
Average price per product | Average cost per product
Sort customers by name | Sort customers by city
Customers ordered by name ascending | Customers ordered by name descending
Customers from highest to lowest | Customers from lowest to highest
Customers alphabetically | Customers
Names of customers | Cities of customers
Names of customers | Names of customers and their cities
Names and emails of customers | Names of customers
Email of customers | Phone of customers
Flights from Paris to Oslo | Flights from Oslo to Paris
Flights from Paris | Flights to Paris
Orders from Alice to Bob | Orders from Bob to Alice
Payments sent by Alice to Bob | Payments sent by Bob to Alice
Messages that Alice sent Bob | Messages that Bob sent Alice
Orders shipped from Rome | Orders shipped to Rome
Products with price higher than cost | Products with cost higher than price
Customers in Paris with more than 5 orders | Customers in Paris with more than 6 orders
Customers in Paris with more than 5 orders | Customers in Oslo with more than 5 orders
Shipped orders | Shipping orders
Shipped orders | Orders
Orders ordered in 2012 | Orders shipped in 2012
Orders created in 2012 | Orders cancelled in 2012
People born in Paris | People living in Paris
People who work in Paris | People in Paris
Products made in Italy | Products in Italy
Employees | Employers
Organisations | Organs
Universities | Universes
Students who passed all exams | Students who passed any exams
Students who passed | Students who failed
Customers who ordered all products | Customers who ordered products
Where do customers live? | When do customers live?
When was the first order? | Where was the first order?
How much did Alice spend? | How many did Alice spend?
How long is the song? | How old is the song?
Customers of Apple or Orange | Customers of Apple
Orders in 2012 in Canada | Orders in 2012
Orders in 2012 | Orders
Total of orders in Canada in 2012 | Total of orders in Canada in 2013
Grade A students | Grade B students
Room 12 | Room 21
Order 1001 | Order 1002
Version 1.5 | Version 1.6
Invoices paid late | Invoices paid early
Invoices paid | Invoices unpaid
Invoices that are paid | Invoices that are due
Total with tax | Total without tax
Net revenue | Gross revenue
First name of customers | Last name of customers
Sales before tax | Sales after tax
Customers with one order | Customers with two orders
Weekday orders | Weekend orders
Orders on Monday | Orders on Tuesday
Male patients | Female patients
Parents of patients | Patients of parents
Managers of employees | Employees of managers
Teams that beat Ajax | Teams that Ajax beat
Products sold in Rome | Products bought in Rome
Imports into Italy | Exports into Italy
Orders up to 50 | Orders over 50
Increase in 2012 | Decrease in 2012
Customers starting with A | Customers ending with A
Customers starting with A | Customers starting with B
Customers containing A | Customers starting with A
Customers who ordered twice | Customers who ordered once
Minimum of 5 nights | Maximum of 5 nights
Current employees | Former employees
IT employees | Employees
Price in EUR | Price in USD
Prices in dollars | Prices in euros
Half of the orders | All of the orders
The 3 cheapest products | The 4 cheapest products
Artists with most albums | Albums with most artists
"""

_PARAPHRASES: Final = """
How many customers are in Canada? | number of customers in Canada
How many customers are in Canada? | How many customers are there in Canada
How many customers are in Canada? | Count the customers in Canada
How many customers are in Canada? | what is the number of customers in Canada?
How many customers are in Canada? | How many clients are in Canada?
How many customers are in Canada? | In Canada, how many customers are there?
How many customers are in Canada? | how many customers are located in canada
How many customers do we have? | How many customers are there?
How many customers do we have? | Number of customers in the database
How many orders were placed in 2012? | Number of orders in 2012
How many orders were placed in 2012? | In 2012, how many orders were placed?
How many orders were placed in 2012? | Total number of orders in 2012
List all customers | Show all customers
List all customers | Show me the customers
List all customers | Which customers are there?
List all customers | Please give me all customers
List all customers | customers
Which customers live in Paris? | Customers in Paris
Which customers live in Paris? | List customers located in Paris
Who are the top 5 customers by total? | Top five customers by total
Who are the top 5 customers by total? | Show me the top 5 customers by total
Top 5 customers by total | List the top 5 clients by total
Average total per city | What is the average total for each city?
Average total per city | mean total by city
Average total per city | average total in each city
Number of orders per customer | How many orders are there per customer?
Number of orders per customer | Count of orders by customer
Number of orders per customer | how many orders for each client
Customers with more than 5 orders | Which customers have more than five orders?
Customers with more than 5 orders | customers having more than 5 orders
Customers with more than 5 orders | Customers with over 5 orders
Orders over 100 | Orders above 100
Orders over 1000 | Orders over 1,000
Orders over 1000 | Orders over 1k
Customers without orders | Customers with no orders
Customers without orders | Which customers have no orders?
Customers in Paris except Oslo | Customers in Paris excluding Oslo
Customers who are not active | Customers who aren't active
What is the highest total? | The maximum total
What is the lowest total? | Show the minimum total
Which customer has the most orders? | The customer with the most orders
Which customer has the most orders? | Who is the customer with the highest number of orders?
Sort customers by name | Customers sorted by name
Orders in Q1 2023 | Orders in the first quarter of 2023
Orders in March 2020 | Orders in the month of March 2020
Orders on March 5, 2020 | Orders on 2020-03-05
How many different cities are there? | Number of distinct cities
Total of orders in Canada | What is the total of orders in Canada?
Total of orders in Canada | Sum of orders in Canada
Names of customers | What are the names of the customers?
Customers in canada | Customers in Canada
Names of customers | Customer names
How many customers are in Canada? | How many Canadian customers are there?
"""


def _pairs(text: str) -> list[tuple[str, str]]:
    rows = [line.split(" | ") for line in text.strip().splitlines()]
    return [(one, other) for one, other in rows]


_TODAY: Final = date(2024, 5, 15)


@pytest.mark.parametrize(("one", "other"), _pairs(_EDITS))
def test_an_edited_question_is_another_question(one: str, other: str) -> None:
    first, second = (fingerprint(each, _CATALOGUE, _TODAY) for each in (one, other))
    assert not same(first, second)
    assert not same(second, first)
    assert difference(first, second)


def test_the_table_is_large_enough() -> None:
    assert len(set(_pairs(_EDITS))) >= 150
    assert len(set(_pairs(_PARAPHRASES))) >= 40


def test_most_paraphrases_are_recognised() -> None:
    missed = []
    for one, other in _pairs(_PARAPHRASES):
        first, second = (fingerprint(each, _CATALOGUE, _TODAY) for each in (one, other))
        if not same(first, second):
            missed.append((one, other, difference(first, second)))
    assert len(missed) <= 4, missed


def test_no_two_questions_of_the_edits_pass_for_each_other() -> None:
    """Every question against every other: equal prints only for equal questions or listed wordings."""
    questions = sorted({each for pair in _pairs(_EDITS) for each in pair})
    prints = {each: fingerprint(each, _CATALOGUE, _TODAY).terms for each in questions}
    clashes = [
        (one, other)
        for place, one in enumerate(questions)
        for other in questions[place + 1 :]
        if prints[one] == prints[other]
    ]
    assert clashes == _REAL_PARAPHRASES


_REAL_PARAPHRASES: Final = [
    ("Customers", "Which customers"),
    ("Customers except in Paris", "Customers other than in Paris"),
    ("Customers in US", "Customers in the US"),
    ("Customers that have no orders", "Customers with no orders"),
    ("Customers that have no orders", "Customers without orders"),
    ("Customers that have orders", "Customers with orders"),
    ("Customers that have orders", "Which customers have orders?"),
    ("Customers who are not active", "Customers who aren't active"),
    ("Customers with more than 5 orders", "Customers with more than five orders"),
    ("Customers with no orders", "Customers without orders"),
    ("Customers with orders", "Which customers have orders?"),
    ("How many customers", "How many customers are there?"),
    ("Invoices paid", "Invoices that are paid"),
    ("Orders < 5", "Orders below 5"),
    ("Orders > 5", "Orders above 5"),
    ("Orders by country", "Orders per country"),
    ("Orders in Q1 2023", "Orders in the first quarter of 2023"),
    ("People in Paris", "People living in Paris"),
    ("Top 5 customers by total", "Top five customers by total"),
]


def test_a_period_that_counts_from_today_is_another_one_tomorrow() -> None:
    asked = "Orders in the last 30 days"
    monday = fingerprint(asked, _CATALOGUE, date(2024, 5, 13))
    tuesday = fingerprint(asked, _CATALOGUE, date(2024, 5, 14))
    assert monday.relative
    assert not same(monday, tuesday)
    assert same(monday, fingerprint(asked, _CATALOGUE, date(2024, 5, 13)))


def test_words_that_the_catalogue_tells_apart_are_not_merged() -> None:
    both = Catalogue(
        dialect="sqlite",
        tables=tuple(
            Table(name=name, columns=(Column(name="id", type="INTEGER", kind="integer"),))
            for name in ("client", "customer")
        ),
    )
    one, other = "How many clients are there?", "How many customers are there?"
    assert not same(fingerprint(one, both), fingerprint(other, both))
    assert same(fingerprint(one, _CATALOGUE), fingerprint(other, _CATALOGUE))


def test_nothing_asked_is_the_same_as_nothing() -> None:
    empty = fingerprint("please show me the", _CATALOGUE)
    assert not same(empty, empty)


def test_it_travels_as_json() -> None:
    made = fingerprint("Top 5 customers in Paris since 2012", _CATALOGUE)
    assert type(made).model_validate_json(made.model_dump_json()) == made
    assert made.of("number") == ("5",)
    assert made.of("name") == ("paris",)
