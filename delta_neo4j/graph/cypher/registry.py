"""
The statements of the registry: one hidden node for each source, with the label `_DeltaNeo4jLoad` and the key `token`.

A node has two parts. The entry says what the graph holds of the source: `table`, `source`, `mode`, `state`, `load`,
`batch`, `version`. The lease says which run may write now: `run`, `host`, `process`, `born`, `until`, and while a load
works `loading`: if a load is killed, that stays until another load of the source ends.
"""

from __future__ import annotations

LABEL, KEY = "_DeltaNeo4jLoad", ("token",)

# Setting a property locks the node: what is read after it is not changed by another run before the transaction ends.
_LOCKED = f"MATCH (n:{LABEL}) WHERE n.token IN $tokens SET n.token = n.token WITH n"
_UNTIL = "datetime.realtime() + duration({milliseconds: $milliseconds})"

# Parameters: `$tokens`, `$run`, `$host`, `$process`, `$born`, `$milliseconds`, `$loading`: whether the run is a load,
# `$gone`: runs whose leases count no longer. Takes all leases, or none if another run has one of them. Returns those
# (held), with the milliseconds that are left, and the nodes that have an entry (entries).
TAKE = f"""UNWIND $tokens AS token
MERGE (n:{LABEL} {{token: token}})
SET n.token = token
WITH collect(n) AS nodes
WITH nodes, [n IN nodes WHERE n.run <> $run AND NOT n.run IN $gone AND n.until > datetime.realtime() |
  n{{.run, .host, .process, .born, until: toString(n.until),
    left: n.until.epochMillis - datetime.realtime().epochMillis}}] AS held
FOREACH (n IN CASE WHEN held = [] THEN nodes ELSE [] END |
  SET n.run = $run, n.host = $host, n.process = $process, n.born = $born, n.until = {_UNTIL},
    n.loading = CASE WHEN $loading THEN true ELSE n.loading END)
RETURN held, [n IN nodes WHERE n.load IS NOT NULL | n{{.*}}] AS entries"""

# Parameters: `$tokens`, `$run`, `$milliseconds`. Returns how many leases the run still has (held).
RENEW = f"""{_LOCKED} WHERE n.run = $run
SET n.until = {_UNTIL}
RETURN count(*) AS held"""

# Parameters: `$tokens`, `$run`, `$loading`. Nodes without an entry, which a refused run may have left too, are deleted.
GIVE_BACK = f"""{_LOCKED} WHERE coalesce(n.run, $run) = $run
REMOVE n.run, n.host, n.process, n.born, n.until
SET n.loading = CASE WHEN $loading THEN null ELSE n.loading END
WITH n WHERE n.load IS NULL
DELETE n"""

# Parameters: `$tokens`: that of one source, `$run`, `$entry`: set if the run has the lease. Returns who has it.
WRITE = f"""{_LOCKED}
FOREACH (_ IN CASE WHEN n.run = $run THEN [1] ELSE [] END | SET n += $entry)
RETURN n.run AS run, n.host AS host, n.process AS process"""

# Parameters: `$tokens`. Returns, of each source, the newest micro-batch, the run that may write now, and whether a load
# works on it or was killed.
MARKS = f"""MATCH (n:{LABEL}) WHERE n.token IN $tokens
RETURN n.token AS token, n.load AS load, n.batch AS batch, n.version AS version,
  CASE WHEN n.until > datetime.realtime() THEN n.run END AS run, coalesce(n.loading, false) AS loading
ORDER BY token"""

# Parameters: `$tokens`. Returns how many nodes with an entry it deleted (rows).
REMOVE = f"""MATCH (n:{LABEL}) WHERE n.token IN $tokens
WITH n, CASE WHEN n.load IS NULL THEN 0 ELSE 1 END AS entry
DETACH DELETE n
RETURN sum(entry) AS rows"""
