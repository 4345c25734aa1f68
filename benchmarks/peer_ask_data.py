"""LangChain's SQL chain over a SQLite file and an OpenAI-compatible server. In the peers' environment:

    .venv/peers/bin/python benchmarks/peer_ask_data.py FILE URL QUESTIONS WARM

As its tutorial builds it: `create_sql_query_chain` with the schema of the tables it is told to use, the
query tool, then an answer from question, query and result. It is given the table, so it need not choose
among hundreds. Prints one JSON object: p50 in milliseconds.
"""

import json
import statistics
import sys
import time

from langchain_classic.chains import create_sql_query_chain
from langchain_community.tools import QuerySQLDatabaseTool
from langchain_community.utilities import SQLDatabase
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_openai import ChatOpenAI

ANSWER = PromptTemplate.from_template(
    "Given the question, the SQL query and its result, answer the question.\n"
    "Question: {question}\nSQL Query: {query}\nSQL Result: {result}\nAnswer: "
)


def main() -> None:
    """Ask, one question after another."""
    path, url, questions, warm = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    database = SQLDatabase.from_uri(f"sqlite:///{path}")
    model = ChatOpenAI(model="gpt-4o-mini", base_url=f"{url}/v1", api_key="none", max_retries=0)
    write = create_sql_query_chain(model, database)
    run = QuerySQLDatabaseTool(db=database)
    answer = ANSWER | model | StrOutputParser()
    seconds = []
    for place in range(questions):
        question = f"How many orders are there in each region of area {place}?"
        started = time.perf_counter()
        query = write.invoke({"question": question, "table_names_to_use": ["orders_1"]})
        result = run.invoke(query)
        said = answer.invoke({"question": question, "query": query, "result": result})
        if place >= warm:
            seconds.append(time.perf_counter() - started)
        assert said
        assert "North" in result, result
    print(json.dumps({"p50": statistics.median(seconds) * 1000}))


if __name__ == "__main__":
    main()
