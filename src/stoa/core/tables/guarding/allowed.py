"""The lists of what a statement may be made of: kinds of node, functions, types, clauses.

What is not listed is refused, so a new version of the parser or of a database adds nothing here by
itself. A function is listed when it computes on its arguments alone: no files, network, settings,
locks, sleeping, catalogue, or output much larger than its input. Knows no schema and no policy.
"""

from typing import Final

from sqlglot import exp

from stoa.core.tables.catalogue import Dialect

ROOTS: Final = (exp.Select, exp.SetOperation, exp.Subquery)

_STRUCTURE: Final = {
    "Select From Join Where Group Having Order Ordered Limit Offset Fetch LimitOptions Union Except",
    "Intersect Subquery With CTE TableAlias Table Column Identifier Alias Star Distinct Paren Tuple",
    "Literal Null Boolean Lateral Values Window WindowSpec Filter WithinGroup Interval Var DataType",
    "DataTypeParam GroupingSets Cube Rollup Qualify IgnoreNulls RespectNulls Escape IntervalSpan",
    "HavingMax",
}
_OPERATORS: Final = {
    "Case If In Between Like ILike SimilarTo RegexpLike RegexpILike Glob Is IsNullValue Not And Or Xor",
    "EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Add Sub Mul Div Mod IntDiv Neg DPipe Exists Any All",
    "BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift AtTimeZone Cast",
    "TryCast Extract Coalesce Nullif Nvl2 Greatest Least Pow",
}
_JSON: Final = {
    "JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar JSONPath JSONPathRoot JSONPathKey",
    "JSONPathSubscript",
}
_AGGREGATES: Final = {
    "Count CountIf Sum Avg Min Max Stddev StddevPop StddevSamp Variance VariancePop Median Mode",
    "PercentileCont PercentileDisc Quantile ApproxQuantile ApproxDistinct AnyValue ArgMax ArgMin Corr",
    "CovarPop CovarSamp RegrSlope RegrIntercept RegrCount RegrR2 RegrAvgx RegrAvgy GroupConcat",
    "ArrayAgg LogicalAnd LogicalOr First Last FirstValue LastValue NthValue Lag Lead RowNumber Rank",
    "DenseRank PercentRank CumeDist Ntile Grouping Skewness Kurtosis",
}
_NUMBERS: Final = {
    "Abs Ceil Floor Round Trunc Sqrt Cbrt Exp Ln Log Sign Degrees Radians Pi Sin Cos Tan Cot Asin",
    "Acos Atan Atan2 Rand WidthBucket IsNan IsInf Float64 Int64",
}
_TEXTS: Final = {
    "Lower Upper Initcap Length Trim Substring Left Right Replace Concat ConcatWs StrPosition",
    "SplitPart SubstringIndex Reverse Translate Ascii Chr Unicode StartsWith EndsWith Contains",
    "RegexpReplace RegexpExtract RegexpCount RegexpInstr RegexpFullMatch Levenshtein Hex LowerHex",
    "Pad Repeat Space Soundex Stuff Elt Typeof",
}
_TIMES: Final = {
    "CurrentDate CurrentTime CurrentTimestamp CurrentDatetime Localtime Localtimestamp Date Datetime",
    "Time Timestamp Year Quarter Month Week WeekOfYear Day DayOfMonth DayOfWeek DayOfWeekIso",
    "DayOfYear Hour Minute Second Dayname Monthname YearOfWeek YearOfWeekIso DateAdd DateSub DateDiff",
    "DateTrunc DateBin DatetimeAdd DatetimeSub DatetimeDiff DatetimeTrunc TimestampAdd TimestampSub",
    "TimestampDiff TimestampTrunc TimeAdd TimeSub TimeDiff TimeTrunc LastDay AddMonths MonthsBetween",
    "DateFromParts TimeFromParts TimestampFromParts MakeInterval JustifyDays JustifyHours",
    "JustifyInterval TimeToStr StrToTime StrToDate StrToUnix TimeToUnix TimeStrToTime TimeStrToDate",
    "UnixToTime UnixToStr UnixSeconds UnixMillis UnixDate ToChar ToNumber ToDays DateStrToDate",
    "TsOrDsToDate TsOrDsToTimestamp TsOrDsToDatetime TsOrDsToTime TsOrDsAdd TsOrDsDiff",
    "TsOrDsToDateStr UtcDate UtcTime UtcTimestamp ConvertTimezone",
}


def _classes(*groups: set[str]) -> frozenset[type[exp.Expr]]:
    names = " ".join(line for group in groups for line in group).split()
    return frozenset(getattr(exp, name) for name in names if hasattr(exp, name))


NODES: Final = _classes(_STRUCTURE, _OPERATORS, _JSON, _AGGREGATES, _NUMBERS, _TEXTS, _TIMES)

PREDICATE_NODES: Final = NODES - _classes(
    {"Select From Join Union Except Intersect Subquery With CTE Table Lateral Values Window"},
    _AGGREGATES - {"none"},
)
"""What the predicate of a row policy may be made of: no queries, no aggregates."""

_EVERYWHERE: Final = "abs round lower upper length trim ltrim rtrim replace substr mod sign concat"
_BY_NAME: Final[dict[Dialect, str]] = {
    "sqlite": (
        "date time datetime julianday strftime unixepoch timediff ifnull iif instr total char"
        " unicode hex nullif likely unlikely acos acosh asin asinh atan atanh ceil ceiling cosh"
        " degrees log10 log2 radians sinh tanh trunc typeof group_concat string_agg json_extract"
        " json_array_length json_type json_valid concat_ws"
    ),
    "postgresql": (
        "age date_part date_bin make_date make_time make_timestamp make_timestamptz make_interval"
        " justify_days justify_hours justify_interval isfinite clock_timestamp statement_timestamp"
        " transaction_timestamp to_date to_timestamp to_number to_char div gcd lcm scale trim_scale"
        " min_scale log10 sinh cosh tanh asinh acosh atanh btrim char_length octet_length bit_length"
        " quote_literal regexp_match regexp_substr regexp_like regexp_split_to_array array_length"
        " cardinality array_position array_to_string string_to_array unaccent similarity every"
        " bool_and bool_or bit_and bit_or regr_sxx regr_syy regr_sxy var_samp json_array_length"
        " jsonb_array_length json_typeof jsonb_typeof json_extract_path_text"
        " jsonb_extract_path_text num_nulls num_nonnulls erf erfc normalize"
    ),
    "duckdb": (
        "date_part datepart date_diff datediff date_sub datesub strftime strptime try_strptime epoch"
        " epoch_ms epoch_us make_date make_time make_timestamp dayname monthname isodow isoyear"
        " weekday yearweek century decade millennium age ifnull list_value len list_contains"
        " array_length median quantile_cont quantile_disc mad approx_quantile fsum favg product"
        " bool_and bool_or first last any_value entropy regexp_matches regexp_split_to_array"
        " string_split strip_accents jaccard jaro_similarity jaro_winkler_similarity"
        " hamming even gamma lgamma isfinite isinf isnan log10 log2 json_extract json_extract_string"
        " json_array_length json_type last_day to_days to_months to_years to_hours to_minutes"
        " to_seconds to_timestamp"
    ),
    "mysql": (
        "ifnull isnull field find_in_set period_add period_diff yearweek weekday makedate maketime"
        " dayname monthname to_days from_days to_seconds from_unixtime unix_timestamp truncate"
        " curdate curtime sec_to_time time_to_sec addtime subtime microsecond timestampadd"
        " timestampdiff str_to_date date_format time_format convert_tz format char_length"
        " character_length octet_length bit_length ord insert bit_count crc32 interval"
        " json_extract json_unquote json_length json_type json_value std bit_and bit_or bit_xor"
        " regexp_like regexp_substr regexp_instr regexp_replace strcmp locate log10 log2 oct bin conv"
    ),
}
FUNCTIONS: Final[dict[Dialect, frozenset[str]]] = {
    dialect: frozenset(f"{_EVERYWHERE} {names}".split()) for dialect, names in _BY_NAME.items()
}
"""Functions the parser has no class for, by name."""

TYPES: Final = frozenset(
    getattr(exp.DataType.Type, name)
    for name in [
        "CHAR",
        "NCHAR",
        "VARCHAR",
        "NVARCHAR",
        "TEXT",
        "TINYTEXT",
        "MEDIUMTEXT",
        "LONGTEXT",
        "BOOLEAN",
        "BIT",
        "TINYINT",
        "SMALLINT",
        "MEDIUMINT",
        "INT",
        "BIGINT",
        "INT128",
        "UTINYINT",
        "USMALLINT",
        "UMEDIUMINT",
        "UINT",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "UDECIMAL",
        "DATE",
        "DATE32",
        "DATETIME",
        "DATETIME64",
        "TIME",
        "TIMETZ",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "TIMESTAMPLTZ",
        "TIMESTAMPNTZ",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "YEAR",
        "INTERVAL",
        "UUID",
        "JSON",
        "JSONB",
        "BIGDECIMAL",
        "INTERVAL",
        "NAME",
        "MONEY",
    ]
    if hasattr(exp.DataType.Type, name)
)

_QUERY_ARGS: Final = frozenset(
    [
        "with_",
        "expressions",
        "distinct",
        "from_",
        "joins",
        "laterals",
        "where",
        "group",
        "having",
        "qualify",
        "windows",
        "order",
        "limit",
        "offset",
        "this",
        "alias",
        "expression",
        "by_name",
    ]
)
ARGUMENTS: Final[dict[type[exp.Expr], frozenset[str]]] = {
    exp.Select: _QUERY_ARGS - {"this", "alias", "expression", "by_name"},
    exp.Subquery: _QUERY_ARGS - {"distinct", "expression", "by_name"},
    exp.Union: _QUERY_ARGS,
    exp.Except: _QUERY_ARGS,
    exp.Intersect: _QUERY_ARGS,
    exp.Table: frozenset({"this", "alias", "db", "joins"}),
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Join: frozenset({"this", "on", "side", "kind", "using", "method"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Lateral: frozenset({"this", "alias"}),
    exp.Values: frozenset({"expressions", "alias"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Star: frozenset({"except_"}),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.RegexpLike: frozenset({"this", "expression"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe", "requires_string"}),
    exp.Distinct: frozenset({"expressions", "on"}),
    exp.Var: frozenset({"this"}),
    exp.Group: frozenset({"expressions", "grouping_sets", "cube", "rollup", "all"}),
}
"""The only clauses these nodes may carry: no INTO, no locks, no hints, no samples, no time travel."""

CLAUSES: Final = {
    "locks": "a locking clause (FOR UPDATE, FOR SHARE)",
    "into": "INTO",
    "hint": "an optimiser hint",
    "hints": "an index hint",
    "sample": "TABLESAMPLE",
    "recursive": "WITH RECURSIVE",
    "pivots": "PIVOT",
    "partition": "a partition",
    "indexed": "INDEXED BY",
    "only": "ONLY",
    "catalog": "the name of another database",
    "operation_modifiers": "a SELECT modifier",
    "version": "time travel",
    "system_time": "time travel",
    "ordinality": "WITH ORDINALITY",
    "rows_from": "ROWS FROM",
    "settings": "SETTINGS",
    "format": "FORMAT",
    "connect": "CONNECT BY",
    "with_ties": "WITH TIES",
    "percent": "PERCENT",
}
"""How refused clauses are called in messages."""

LACKING: Final[dict[type[exp.Expr], tuple[str, str, frozenset[Dialect]]]] = {
    exp.Qualify: ("this", "QUALIFY", frozenset({"sqlite", "postgresql", "mysql"})),
    exp.Distinct: ("on", "DISTINCT ON", frozenset({"sqlite", "mysql"})),
}
"""The argument, what it is called, and the databases that lack it. The printer would put a query over a
numbered one in their place, with the LIMIT inside: rows would be counted before they are chosen."""

MOST_REPEATED: Final = 1000
"""Largest width or count that PAD, REPEAT and SPACE may be given."""
