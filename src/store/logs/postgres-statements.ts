import { maxReadTimes } from "../ports/logs.ts";

// The streams whose length is still the expected one grow, and only their pieces are stored: all or nothing for each. An older program
// may have emptied a stream and left its times.
export const appendStatement = `
  WITH given AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(name, was, becomes)),
  moved AS (
    UPDATE log_streams SET length = given.becomes FROM given
    WHERE log_streams.name = given.name AND log_streams.length = given.was AND log_streams.status = 'open'
    RETURNING log_streams.name
  ),
  stored AS (
    INSERT INTO log_pieces (stream, start, bytes)
    SELECT piece.stream, piece.start, substr($7::bytea, piece.ends - piece.length + 1, piece.length)
    FROM (
      SELECT stream, start, length, (sum(length) OVER (ORDER BY place))::int AS ends
      FROM unnest($4::text[], $5::bigint[], $6::int[]) WITH ORDINALITY AS part(stream, start, length, place)
    ) AS piece JOIN moved ON moved.name = piece.stream
  ),
  timed AS (
    INSERT INTO log_times (stream, start, at_ms)
    SELECT time.stream, time.start, time.ms FROM unnest($8::text[], $9::bigint[], $10::bigint[]) AS time(stream, start, ms)
    JOIN moved ON moved.name = time.stream
    ON CONFLICT (stream, start) DO UPDATE SET at_ms = excluded.at_ms
  )
  SELECT name FROM moved`;

export const learnStatement = `
  SELECT name, length, status, (SELECT at_ms FROM log_times WHERE stream = name ORDER BY start DESC LIMIT 1) AS ms
  FROM log_streams WHERE name = ANY($1)`;
export const timesStatement = `
  SELECT start, at_ms AS ms FROM log_times
  WHERE stream = $1 AND start < $3::bigint AND start >= coalesce(
    (SELECT max(start) FROM log_times WHERE stream = $1 AND start <= $2::bigint), 0)
  ORDER BY start LIMIT ${maxReadTimes + 1}`;

export const listStatement =
  'SELECT name, length, status AS "end", sha256, archive FROM log_streams WHERE name > $1 ORDER BY name LIMIT $2';
export const archiveStatement = `
  WITH moved AS (
    UPDATE log_streams SET archive = $2
    WHERE name = $1 AND status = 'sealed' AND archive IS NOT DISTINCT FROM $3::text AND sha256 = $4
    RETURNING name
  ),
  pieces AS (DELETE FROM log_pieces USING moved WHERE log_pieces.stream = moved.name)
  SELECT name FROM moved`;
export const readStatement = `
  SELECT log_streams.length, log_streams.status, log_streams.missing, log_streams.archive, piece.start, piece.bytes
  FROM log_streams LEFT JOIN LATERAL (
    SELECT start, bytes FROM log_pieces
    WHERE stream = log_streams.name AND start < $2::bigint + $3::bigint AND start >= coalesce(
      (SELECT max(start) FROM log_pieces WHERE stream = log_streams.name AND start <= $2::bigint), 0)
  ) AS piece ON true
  WHERE log_streams.name = $1 ORDER BY piece.start`;
