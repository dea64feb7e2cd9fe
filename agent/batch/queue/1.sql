-- A row is a task that has no result yet, or one whose result nobody has collected.
CREATE TABLE glm_agent.tasks (
    -- In the order in which they came.
    place bigint GENERATED ALWAYS AS IDENTITY,
    batch text NOT NULL,
    id text NOT NULL,
    -- As in a file of tasks. `json` and not `jsonb`, which would sort the keys.
    task json NOT NULL,
    -- An attempt that failed before is no result.
    anew boolean NOT NULL DEFAULT false,
    -- How many workers have begun it.
    begun integer NOT NULL DEFAULT 0,
    -- Whoever knows the lease may write the result; it ends unless it is renewed.
    lease text,
    leased_until timestamptz,
    worker text,
    -- As in a file of results.
    result json,
    PRIMARY KEY (batch, id)
);

CREATE INDEX tasks_to_do ON glm_agent.tasks (place) WHERE result IS NULL;
