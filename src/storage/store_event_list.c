// SPDX-License-Identifier: Apache-2.0
// Table events: lists, counts and figures over time.
#include "storage/event_row_priv.h"
#include "storage/store_events.h"

enum {
    LIMIT_MAX = 1000,
    PATTERN_SIZE = 1024, // of a text search; longer texts are cut
};

static const nj_us hour_us = 3600 * (nj_us)NJ_US_PER_S;

// Patterns of LIKE; they must live until the statement ends.
struct patterns {
    char type[PATTERN_SIZE], text[PATTERN_SIZE];
};

// prefix + text with LIKE's own characters escaped + suffix.
static void make_pattern(char out[PATTERN_SIZE], const char *affix, const char *text)
{
    size_t length = 0;
    out[length++] = '%';
    if (affix[0] != '\0')
        out[length++] = affix[0];
    for (; *text != '\0' && length < PATTERN_SIZE - 5; text++) {
        if (*text == '%' || *text == '_' || *text == '\\')
            out[length++] = '\\';
        out[length++] = *text;
    }
    if (affix[0] != '\0')
        out[length++] = affix[0];
    out[length++] = '%';
    out[length] = '\0';
}

// The conditions and, in the same order, their values (put_conditions).
static void add_conditions(struct nj_sql_text *text, const struct nj_event_filter *filter)
{
    if (filter->camera_id != NULL)
        nj_sql_text_add(text, " AND camera_id = ?");
    if (filter->risk_level != NULL)
        nj_sql_text_add(text, " AND risk_level = ?");
    if (filter->object_type != NULL)
        nj_sql_text_add(text, " AND (',' || object_types || ',') LIKE ? ESCAPE '\\'");
    if (filter->text != NULL)
        nj_sql_text_add(text, " AND (LOWER(summary || ' ' || reasoning)) LIKE LOWER(?)"
                              " ESCAPE '\\'");
    if (filter->reviewed == 0)
        nj_sql_text_add(text, " AND reviewed = 0"); // a constant, for the index of these
    else if (filter->reviewed > 0)
        nj_sql_text_add(text, " AND reviewed = 1");
    if (filter->from_us != 0)
        nj_sql_text_add(text, " AND started_us >= ?");
    if (filter->to_us != 0)
        nj_sql_text_add(text, " AND started_us < ?");
}

static void put_conditions(struct nj_sql *sql, const struct nj_event_filter *filter,
                           struct patterns *patterns)
{
    if (filter->camera_id != NULL)
        nj_sql_put_text(sql, filter->camera_id);
    if (filter->risk_level != NULL)
        nj_sql_put_text(sql, filter->risk_level);
    if (filter->object_type != NULL) {
        make_pattern(patterns->type, ",", filter->object_type);
        nj_sql_put_text(sql, patterns->type);
    }
    if (filter->text != NULL) {
        make_pattern(patterns->text, "", filter->text);
        nj_sql_put_text(sql, patterns->text);
    }
    if (filter->from_us != 0)
        nj_sql_put_int(sql, filter->from_us);
    if (filter->to_us != 0)
        nj_sql_put_int(sql, filter->to_us);
}

int nj_events_list(struct nj_db *db, const struct nj_event_filter *filter,
                   struct nj_event_row **out, size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_sql_text text;
    struct patterns patterns;
    if (filter->limit < 1 || filter->limit > LIMIT_MAX)
        return nj_error_set(err, NJ_E_INVALID, "limit must be 1 to %d", LIMIT_MAX);
    nj_sql_text_start(&text, "SELECT " NJ_EVENT_COLUMNS " FROM events WHERE 1 = 1");
    add_conditions(&text, filter);
    if (filter->before_id != 0)
        nj_sql_text_add(&text, " AND id < ?");
    nj_sql_text_add(&text, " ORDER BY id DESC LIMIT ?");
    int rc = nj_sql_begin_once(&sql, db, text.text, err);
    if (rc != 0)
        return rc;
    put_conditions(&sql, filter, &patterns);
    if (filter->before_id != 0)
        nj_sql_put_int(&sql, filter->before_id);
    nj_sql_put_int(&sql, (int64_t)filter->limit);
    void *rows = NULL;
    rc = nj_sql_collect(&sql, &nj_event_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

int nj_events_count(struct nj_db *db, const struct nj_event_filter *filter, int64_t *out,
                    struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_sql_text text;
    struct patterns patterns;
    nj_sql_text_start(&text, "SELECT COUNT(*) FROM events WHERE 1 = 1");
    add_conditions(&text, filter);
    int rc = nj_sql_begin_once(&sql, db, text.text, err);
    if (rc != 0)
        return rc;
    put_conditions(&sql, filter, &patterns);
    return nj_sql_run_int(&sql, out, err);
}

static int neighbour(struct nj_db *db, const char *text, int64_t id, int64_t *out,
                     struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, text, err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    return nj_sql_run_int(&sql, out, err);
}

int nj_events_neighbours(struct nj_db *db, int64_t id, int64_t *out_newer, int64_t *out_older,
                         struct nj_error *err)
{
    int64_t newer = 0, older = 0;
    int rc = neighbour(db,
                       "SELECT COALESCE((SELECT id FROM events WHERE id >"
                       " (SELECT id FROM events WHERE id = ?1) ORDER BY id LIMIT 1), 0)",
                       id, &newer, err);
    if (rc == 0)
        rc = neighbour(db,
                       "SELECT COALESCE((SELECT id FROM events WHERE id <"
                       " (SELECT id FROM events WHERE id = ?1) ORDER BY id DESC LIMIT 1), 0)",
                       id, &older, err);
    if (rc != 0)
        return rc;
    *out_newer = newer;
    *out_older = older;
    return 0;
}

int nj_events_recent(struct nj_db *db, const char *camera_id, nj_us since_us, int64_t *out,
                     struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COUNT(*) FROM (SELECT 1 FROM events"
                          " WHERE camera_id = ?1 AND started_us >= ?2 LIMIT ?3) AS recent",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, camera_id);
    nj_sql_put_int(&sql, since_us);
    nj_sql_put_int(&sql, NJ_EVENTS_RECENT_MAX);
    return nj_sql_run_int(&sql, out, err);
}

int nj_events_hourly_risk(struct nj_db *db, nj_us now_us, size_t hours, int *out,
                          struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT (?1 - started_us) / ?2 AS age, MAX(risk_score) FROM events"
                          " WHERE started_us > ?3 AND started_us <= ?1 GROUP BY age",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, now_us);
    nj_sql_put_int(&sql, hour_us);
    nj_sql_put_int(&sql, now_us - (nj_us)hours * hour_us);
    for (size_t i = 0; i < hours; i++)
        out[i] = -1;
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        size_t age = (size_t)nj_sql_get_int(&sql);
        if (age < hours)
            out[hours - 1 - age] = (int)nj_sql_get_int(&sql);
    }
    nj_sql_end(&sql);
    return rc;
}
