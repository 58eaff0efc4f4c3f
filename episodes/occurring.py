"""Which values occur in an indexed column of episodes, or beside them: skips from each to the next, so that it costs by
values, not rows.

SELECT DISTINCT looks at every row, in SQLite and in PostgreSQL.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, models

EPISODES = "episodes_episode"


def values(model: type[models.Model], column: str, sites: list[int] | None = None) -> list[str]:
    """The values of a text column, in order, without "".  With `sites`: those with an episode at one of them.

    `model` is Episode or has a column `episode_id`, and an index that begins with `column`.
    """
    return [value for (value,) in _skipped(model, column, "found.value", sites)]


def labels(model: type[models.Model], column: str, label: str, sites: list[int] | None = None) -> dict[str, str]:
    """The same with what stands in another column of one of its rows."""
    first = f"""(SELECT beside.{label} FROM {model._meta.db_table} beside
        WHERE beside.{column} = found.value ORDER BY beside.episode_id LIMIT 1)"""  # noqa: S608
    return dict(_skipped(model, column, f"found.value, {first}", sites))


def _skipped(model: type[models.Model], column: str, wanted: str, sites: list[int] | None) -> list[Any]:
    table, here = model._meta.db_table, ""
    if sites is not None:
        marks = ", ".join(["%s"] * len(sites)) or "NULL"
        join = f"JOIN {EPISODES} episode ON episode.id = beside.episode_id" if table != EPISODES else ""
        site = "episode.site_id" if join else "beside.site_id"
        # a value with LIMIT 1 and no EXISTS, which would be turned into a join with all episodes
        here = f"""AND (SELECT 1 FROM {table} beside {join}
            WHERE beside.{column} = found.value AND {site} IN ({marks}) LIMIT 1) = 1"""  # noqa: S608
    query = f"""WITH RECURSIVE found(value) AS (
        SELECT MIN({column}) FROM {table} WHERE {column} > '' UNION ALL
        SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value) FROM found WHERE found.value IS NOT NULL)
        SELECT {wanted} FROM found WHERE found.value IS NOT NULL {here}"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, sites or [])
        return list(cursor.fetchall())
