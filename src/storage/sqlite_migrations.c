// SPDX-License-Identifier: Apache-2.0
// Schema of the SQLite store, as numbered scripts. A script that was released never changes: what
// comes later is a new one at the end of the array.
#include "storage/migrations_priv.h"

// Times are microseconds since 1970, UTC. Paths are bytes, not text. Ids of rows that may be
// deleted are never given again (AUTOINCREMENT): an old id must not mean something new. Words are
// checked with OR: for an IN list of more than two SQLite makes a table at each change of a row.

// What was seen.
static const char sightings[] =
    "CREATE TABLE cameras ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " name TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK (status = 'online' OR status = 'offline'"
    " OR status = 'error' OR status = 'unknown'),"
    " reason TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " last_seen_us INTEGER NOT NULL,"
    " last_track_id INTEGER NOT NULL DEFAULT 0" // of detections that retention deleted
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE batches ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " camera_id TEXT NOT NULL REFERENCES cameras (id),"
    " state TEXT NOT NULL CHECK (state = 'open' OR state = 'closed' OR state = 'analysed'),"
    " close_reason TEXT NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " last_activity_us INTEGER NOT NULL,"
    " arrived_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " closed_us INTEGER NOT NULL,"
    " detection_count INTEGER NOT NULL CHECK (detection_count >= 0),"
    " pipeline_start_us INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX batches_open ON batches (camera_id) WHERE state = 'open';"
    "CREATE INDEX batches_analysed ON batches (closed_us) WHERE state = 'analysed';"
    "CREATE INDEX batches_fast_path ON batches (camera_id, created_us)"
    " WHERE close_reason = 'fast_path';"

    "CREATE TABLE detections ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " camera_id TEXT NOT NULL REFERENCES cameras (id),"
    " batch_id TEXT REFERENCES batches (id),"
    " file_path BLOB NOT NULL,"
    " file_key INTEGER NOT NULL," // FNV-1a of file_path: a short index instead of one of long paths
    " file_is_upload INTEGER NOT NULL CHECK (file_is_upload IN (0, 1)),"
    " media_type TEXT NOT NULL CHECK (media_type = 'image' OR media_type = 'video'"
    " OR media_type = 'live'),"
    " object_type TEXT NOT NULL,"
    " confidence REAL NOT NULL CHECK (confidence >= 0 AND confidence <= 1),"
    " x INTEGER NOT NULL, y INTEGER NOT NULL,"
    " width INTEGER NOT NULL, height INTEGER NOT NULL,"
    " picture_width INTEGER NOT NULL, picture_height INTEGER NOT NULL,"
    " track_id INTEGER NOT NULL,"
    " video_offset_ms INTEGER NOT NULL,"
    " detected_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " model TEXT NOT NULL,"
    " source_key TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX detections_source_key ON detections (source_key)"
    " WHERE source_key IS NOT NULL;"
    "CREATE INDEX detections_time ON detections (detected_us);"
    "CREATE INDEX detections_camera ON detections (camera_id, detected_us);"
    "CREATE INDEX detections_type ON detections (object_type, detected_us);"
    "CREATE INDEX detections_batch ON detections (batch_id, detected_us)"
    " WHERE batch_id IS NOT NULL;"
    "CREATE INDEX detections_track ON detections (camera_id, track_id) WHERE track_id > 0;"
    "CREATE INDEX detections_file ON detections (file_key);"

    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " batch_id TEXT NOT NULL UNIQUE REFERENCES batches (id),"
    " camera_id TEXT NOT NULL REFERENCES cameras (id),"
    " started_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " risk_score INTEGER NOT NULL CHECK (risk_score BETWEEN 0 AND 100),"
    " risk_level TEXT NOT NULL CHECK (risk_level = 'low' OR risk_level = 'medium'"
    " OR risk_level = 'high' OR risk_level = 'critical'),"
    " summary TEXT NOT NULL,"
    " reasoning TEXT NOT NULL,"
    " breakdown TEXT NOT NULL,"
    " analyser TEXT NOT NULL,"
    " object_types TEXT NOT NULL,"
    " detection_count INTEGER NOT NULL,"
    " best_detection_id INTEGER NOT NULL,"
    " reviewed INTEGER NOT NULL CHECK (reviewed IN (0, 1)),"
    " is_fast_path INTEGER NOT NULL CHECK (is_fast_path IN (0, 1)),"
    " notes TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " CHECK (ended_us >= started_us)"
    ") STRICT;"
    "CREATE INDEX events_time ON events (started_us);"
    "CREATE INDEX events_camera ON events (camera_id, started_us);"
    "CREATE INDEX events_level ON events (risk_level, started_us);"
    "CREATE INDEX events_unreviewed ON events (started_us) WHERE reviewed = 0;";

// What is known of files, and what is to be done.
static const char work[] =
    "CREATE TABLE dedupe ("
    " sha256 TEXT PRIMARY KEY NOT NULL,"
    " path BLOB NOT NULL,"
    " expires_us INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX dedupe_expiry ON dedupe (expires_us);"

    "CREATE TABLE seen_files ("
    " path BLOB PRIMARY KEY NOT NULL,"
    " size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE refused_files ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " path BLOB NOT NULL,"
    " camera_id TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " detail TEXT NOT NULL,"
    " size INTEGER NOT NULL,"
    " refused_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX refused_files_reason ON refused_files (reason);"
    "CREATE INDEX refused_files_time ON refused_files (refused_us);"

    // due_us says when an item may be claimed: not_before_us while it waits, lease_until_us while
    // it is claimed. It ends the index of the claim, so that items which are not due are passed
    // over without looking at their rows.
    "CREATE TABLE work_items ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " queue TEXT NOT NULL,"
    " priority INTEGER NOT NULL,"
    " due_us INTEGER NOT NULL,"
    " not_before_us INTEGER NOT NULL,"
    " lease_until_us INTEGER NOT NULL," // 0: not claimed
    " fence INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " first_failed_us INTEGER NOT NULL,"
    " unique_key TEXT,"
    " history TEXT,"
    " payload TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX work_items_claim ON work_items (queue, priority DESC, id, due_us);"
    "CREATE UNIQUE INDEX work_items_unique ON work_items (queue, unique_key)"
    " WHERE unique_key IS NOT NULL;"

    "CREATE TABLE dead_letters ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " queue TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " error_type TEXT NOT NULL,"
    " error TEXT NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " first_failed_us INTEGER NOT NULL,"
    " last_failed_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " history TEXT,"
    " payload TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX dead_letters_queue ON dead_letters (queue, reason);"
    "CREATE INDEX dead_letters_time ON dead_letters (created_us);"

    // Files whose rows are gone; written in the transaction that deletes the rows.
    "CREATE TABLE pending_file_deletes ("
    " path BLOB PRIMARY KEY NOT NULL,"
    " is_upload INTEGER NOT NULL,"
    " unchanged_since_us INTEGER NOT NULL" // a file changed later is another file
    ") STRICT, WITHOUT ROWID;";

// Live cameras beside those of the configuration.
static const char added_sources[] = "CREATE TABLE sources ("
                                    " id TEXT PRIMARY KEY NOT NULL,"
                                    " entry TEXT NOT NULL,"
                                    " paused INTEGER NOT NULL,"
                                    " version INTEGER NOT NULL,"
                                    " created_us INTEGER NOT NULL,"
                                    " updated_us INTEGER NOT NULL"
                                    ") STRICT, WITHOUT ROWID;";

// What pipelines save where no other server is configured.
static const char saved[] =
    "CREATE TABLE pipeline_records ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " table_name TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " json TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX pipeline_records_key ON pipeline_records (table_name, key);"
    "CREATE INDEX pipeline_records_table ON pipeline_records (table_name, id);"
    "CREATE INDEX pipeline_records_time ON pipeline_records (updated_us);"

    "CREATE TABLE saved_images ("
    " key TEXT PRIMARY KEY NOT NULL,"
    " path BLOB NOT NULL,"
    " type TEXT NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL" // 0: never
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX saved_images_path ON saved_images (path);"
    "CREATE INDEX saved_images_expiry ON saved_images (expires_us) WHERE expires_us > 0;";

// Lists of events are in the order in which they were made: each index ends with the row's id.
static const char event_order[] =
    "DROP INDEX events_level;"
    "DROP INDEX events_unreviewed;"
    "CREATE INDEX events_of_camera ON events (camera_id);"
    "CREATE INDEX events_of_level ON events (risk_level);"
    "CREATE INDEX events_not_reviewed ON events (reviewed) WHERE reviewed = 0;";

// Who has the same key keeps its order. Actions, the only ones that have one, name it in their
// payload.
static const char work_order[] =
    "ALTER TABLE work_items ADD COLUMN order_key TEXT;"
    "UPDATE work_items SET order_key = NULLIF(json_extract(payload, '$.session_id'), '')"
    " WHERE queue = 'action_queue' AND json_valid(payload)"
    " AND json_type(payload, '$.session_id') = 'text';"
    "CREATE INDEX work_items_order ON work_items (queue, order_key, id)"
    " WHERE order_key IS NOT NULL;";

// The payload of another file with the same content; it takes the place of one that vanished.
static const char copies[] = "ALTER TABLE dedupe ADD COLUMN copy TEXT;";

// The newest picture that was uploaded, with something on it or not.
static const char newest_pictures[] =
    "ALTER TABLE cameras ADD COLUMN picture_path BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE cameras ADD COLUMN picture_us INTEGER NOT NULL DEFAULT 0;";

const char *const nj_sqlite_migrations[NJ_SQLITE_MIGRATIONS] = {
    sightings, work, added_sources, saved, event_order, work_order, copies, newest_pictures,
};
