// SPDX-License-Identifier: Apache-2.0
// A resolved action as JSON, for dead letters and work that waits, and back. Passwords are never in
// it, only references to them.
#include "actions/action_priv.h"

#include "util/file.h"
#include "util/json_reader.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static void write_site(const struct nj_action_site *site, struct nj_json_writer *writer)
{
    if (!site->archive)
        return; // the site's own, whatever it is then
    nj_json_object_begin(writer, "server");
    nj_json_text(writer, "kind", site->edge == NJ_EDGE_REDIS ? "redis" : "postgresql");
    nj_json_text(writer, "host", site->host);
    nj_json_int(writer, "port", site->port);
    if (site->edge == NJ_EDGE_REDIS) {
        nj_json_int(writer, "db", site->database_number);
    } else {
        nj_json_text(writer, "database", site->database);
        nj_json_text(writer, "username", site->username);
    }
    if (nj_action_secret_is_reference(site->password))
        nj_json_text(writer, "password", site->password);
    if (site->connection[0] != '\0')
        nj_json_text(writer, "connection", site->connection);
    nj_json_object_end(writer);
}

static void write_image(const struct nj_action_job *job, struct nj_json_writer *writer)
{
    const struct nj_action_image *image = job->image;
    if (image == NULL)
        return;
    nj_json_object_begin(writer, "image");
    nj_json_text(writer, "key", job->key);
    nj_json_text(writer, "format", image->png ? "png" : "jpeg");
    nj_json_int(writer, "expire_seconds", image->expire_seconds);
    nj_json_text(writer, "file", image->path);
    nj_json_text(writer, "kept_key", job->kept_key);
    nj_json_object_end(writer);
}

static void write_cell(const struct nj_foreign_cell *cell, struct nj_json_writer *writer)
{
    switch (cell->kind) {
    case NJ_CELL_NULL:
        nj_json_null(writer, cell->column);
        break;
    case NJ_CELL_TEXT:
        nj_json_text(writer, cell->column, cell->text);
        break;
    case NJ_CELL_NUMBER:
        nj_json_number(writer, cell->column, cell->number);
        break;
    case NJ_CELL_BOOL:
        nj_json_bool(writer, cell->column, cell->truth);
        break;
    case NJ_CELL_NOW:
        break;
    }
}

static void write_record(const struct nj_action_record *record, struct nj_json_writer *writer)
{
    if (record == NULL)
        return;
    nj_json_object_begin(writer, "record");
    nj_json_text(writer, "table", record->table);
    nj_json_text(writer, "key_field", record->key_column);
    nj_json_object_begin(writer, "fields");
    for (size_t i = 0; i < record->cell_count; i++)
        write_cell(&record->cells[i], writer);
    nj_json_object_end(writer);
    nj_json_array_begin(writer, "now");
    for (size_t i = 0; i < record->cell_count; i++) {
        if (record->cells[i].kind == NJ_CELL_NOW)
            nj_json_text(writer, NULL, record->cells[i].column);
    }
    nj_json_array_end(writer);
    nj_json_object_end(writer);
}

int nj_action_job_write(const struct nj_action_job *job, char **out, struct nj_error *err)
{
    struct nj_json_writer writer;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORK_PAYLOAD_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "action", nj_action_kind_names[job->driver->kind]);
    nj_json_text(&writer, "path", job->path);
    nj_json_text(&writer, NJ_ACTION_ORDER_MEMBER, job->order_key);
    write_site(&job->site, &writer);
    if (job->text != NULL) {
        nj_json_text(&writer, "channel", job->channel);
        nj_json_text_n(&writer, "message", job->text, job->text_length);
        nj_json_bool(&writer, "json", job->text_is_json);
    }
    write_image(job, &writer);
    write_record(job->record, &writer);
    nj_json_object_end(&writer);
    const int rc = nj_buf_failed(&buf);
    if (rc == 0)
        *out = nj_buf_take(&buf, NULL);
    nj_buf_finish(&buf);
    return rc == 0 ? 0 : nj_error_set(err, rc, "the action does not fit into a letter");
}

static int read_text(const json_t *object, const char *key, char *out, size_t size,
                     struct nj_error *err)
{
    const char *text = NULL;
    const int rc = nj_json_get_text(object, key, true, &text, err);
    if (rc == 0 && !nj_text_copy(out, size, text))
        return nj_error_set(err, NJ_E_INVALID, "%s is too long", key);
    return rc;
}

static int read_kind(const json_t *payload, enum nj_action_kind *out, struct nj_error *err)
{
    const char *name = NULL;
    const int rc = nj_json_get_text(payload, "action", true, &name, err);
    if (rc != 0)
        return rc;
    for (int kind = 0; kind < NJ_ACTION_KIND_COUNT; kind++) {
        if (strcmp(name, nj_action_kind_names[kind]) == 0) {
            *out = (enum nj_action_kind)kind;
            return 0;
        }
    }
    return nj_error_set(err, NJ_E_INVALID, "unknown action");
}

static int read_port(const json_t *server, struct nj_action_site *site, struct nj_error *err)
{
    int64_t port = 0, number = 0;
    int rc = nj_json_get_int(server, "port", true, &port, err);
    rc = rc != 0 ? rc : nj_json_get_int(server, "db", false, &number, err);
    if (rc == 0 && (port < 1 || port > 65535 || number < 0 || number > INT32_MAX))
        rc = nj_error_set(err, NJ_E_INVALID, "port or db of the action's server is none");
    site->port = (int)port;
    site->database_number = (int)number;
    return rc;
}

static int read_login(const json_t *server, struct nj_action_site *site, struct nj_error *err)
{
    const char *password = "", *connection = "";
    int rc = nj_json_get_text(server, "password", false, &password, err);
    rc = rc != 0 ? rc : nj_json_get_text(server, "connection", false, &connection, err);
    nj_text_copy(site->password, sizeof site->password, password);
    nj_text_copy(site->connection, sizeof site->connection, connection);
    if (rc != 0 || site->edge != NJ_EDGE_FOREIGN)
        return rc;
    rc = read_text(server, "database", site->database, sizeof site->database, err);
    return rc != 0 ? rc : read_text(server, "username", site->username, sizeof site->username, err);
}

static int read_site(const json_t *payload, struct nj_action_job *job, struct nj_error *err)
{
    const json_t *server = json_object_get(payload, "server");
    struct nj_action_site *site = &job->site;
    const char *kind = "";
    nj_action_site_of(job->runner, job->driver->edge, NULL, site);
    if (server == NULL)
        return 0;
    int rc = nj_json_get_text(server, "kind", true, &kind, err);
    *site = (struct nj_action_site){.archive = true, .edge = job->driver->edge};
    if (rc == 0 && strcmp(kind, site->edge == NJ_EDGE_REDIS ? "redis" : "postgresql") != 0)
        rc = nj_error_set(err, NJ_E_INVALID, "the action goes to no server of this kind");
    rc = rc != 0 ? rc : read_text(server, "host", site->host, sizeof site->host, err);
    rc = rc != 0 ? rc : read_port(server, site, err);
    return rc != 0 ? rc : read_login(server, site, err);
}

static int read_message(const json_t *payload, struct nj_action_job *job, struct nj_error *err)
{
    const char *text = NULL;
    int rc = read_text(payload, "channel", job->channel, sizeof job->channel, err);
    rc = rc != 0 ? rc : nj_json_get_text(payload, "message", true, &text, err);
    rc = rc != 0 ? rc : nj_json_get_bool(payload, "json", false, &job->text_is_json, err);
    if (rc != 0)
        return rc;
    job->text = nj_strdup(text);
    job->text_length = strlen(text);
    return job->text != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory for a message");
}

static int read_image(const json_t *payload, struct nj_action_job *job, struct nj_error *err)
{
    const json_t *object = json_object_get(payload, "image");
    const char *format = "jpeg";
    if (!json_is_object(object))
        return nj_error_set(err, NJ_E_INVALID, "image is missing");
    struct nj_action_image *image = calloc(1, sizeof *image);
    if (image == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an image");
    job->image = image;
    int rc = read_text(object, "key", job->key, sizeof job->key, err);
    rc = rc != 0 ? rc : read_text(object, "file", image->path, sizeof image->path, err);
    rc = rc != 0 ? rc : read_text(object, "kept_key", job->kept_key, sizeof job->kept_key, err);
    rc = rc != 0 ? rc : nj_json_get_text(object, "format", true, &format, err);
    rc =
        rc != 0 ? rc : nj_json_get_int(object, "expire_seconds", true, &image->expire_seconds, err);
    image->png = strcmp(format, "png") == 0;
    if (rc == 0 && !nj_path_is_below(image->path, nj_media_folder(job->runner->config.media)))
        rc = nj_error_set(err, NJ_E_INVALID, "the image's file is none of ours");
    return rc;
}

static int read_cell(struct nj_action_record *record, const char *column, const json_t *value,
                     struct nj_error *err)
{
    struct nj_foreign_cell cell = {.kind = NJ_CELL_NULL};
    if (record->cell_count == NJ_FOREIGN_CELLS_MAX)
        return nj_error_set(err, NJ_E_INVALID, "more than %d columns", NJ_FOREIGN_CELLS_MAX);
    int rc = nj_action_record_text(record, column, &cell.column, err);
    if (rc == 0 && value == NULL) {
        cell.kind = NJ_CELL_NOW;
    } else if (rc == 0 && json_is_string(value)) {
        cell.kind = NJ_CELL_TEXT;
        rc = nj_action_record_text(record, json_string_value(value), &cell.text, err);
    } else if (json_is_number(value)) {
        cell.kind = NJ_CELL_NUMBER;
        cell.number = json_number_value(value);
    } else if (json_is_boolean(value)) {
        cell.kind = NJ_CELL_BOOL;
        cell.truth = json_is_true(value);
    }
    if (rc == 0)
        record->cells[record->cell_count++] = cell;
    return rc;
}

static int read_cells(struct nj_action_record *record, json_t *object, struct nj_error *err)
{
    int rc = 0;
    json_t *fields = json_object_get(object, "fields");
    const json_t *now = json_object_get(object, "now");
    for (void *at = json_object_iter(fields); at != NULL && rc == 0;
         at = json_object_iter_next(fields, at))
        rc = read_cell(record, json_object_iter_key(at), json_object_iter_value(at), err);
    for (size_t i = 0; i < json_array_size(now) && rc == 0; i++) {
        const char *column = json_string_value(json_array_get(now, i));
        rc = column != NULL ? read_cell(record, column, NULL, err)
                            : nj_error_set(err, NJ_E_INVALID, "now: no column");
    }
    return rc;
}

static int read_record(const json_t *payload, struct nj_action_job *job, struct nj_error *err)
{
    // Updates of the session may have made the row meanwhile, without what this would have put
    // there.
    static const enum nj_foreign_kind kinds[NJ_ACTION_KIND_COUNT] = {
        [NJ_ACTION_POSTGRESQL_CREATE_RECORD] = NJ_FOREIGN_FILL,
        [NJ_ACTION_POSTGRESQL_UPDATE] = NJ_FOREIGN_UPDATE,
        [NJ_ACTION_POSTGRESQL_UPDATE_COMBINED] = NJ_FOREIGN_UPSERT,
    };
    json_t *object = json_object_get(payload, "record");
    struct nj_action_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a record");
    job->record = record;
    record->kind = kinds[job->driver->kind];
    int rc = json_is_object(object) ? 0 : nj_error_set(err, NJ_E_INVALID, "record is missing");
    rc = rc != 0 ? rc : read_text(object, "table", record->table, sizeof record->table, err);
    rc = rc != 0
             ? rc
             : read_text(object, "key_field", record->key_column, sizeof record->key_column, err);
    return rc != 0 ? rc : read_cells(record, object, err);
}

static int read_body(const json_t *payload, struct nj_action_job *job, struct nj_error *err)
{
    switch (job->driver->kind) {
    case NJ_ACTION_REDIS_SAVE_IMAGE:
        return read_image(payload, job, err);
    case NJ_ACTION_POSTGRESQL_CREATE_RECORD:
    case NJ_ACTION_POSTGRESQL_UPDATE:
    case NJ_ACTION_POSTGRESQL_UPDATE_COMBINED:
        return read_record(payload, job, err);
    case NJ_ACTION_REDIS_PUBLISH:
    case NJ_ACTION_PUBLISH_MESSAGE:
    case NJ_ACTION_HTTP_POST:
    case NJ_ACTION_KIND_COUNT:
        break;
    }
    return read_message(payload, job, err);
}

int nj_action_job_read(struct nj_action_runner *runner, const json_t *payload,
                       struct nj_action_job **out, struct nj_error *err)
{
    enum nj_action_kind kind = NJ_ACTION_REDIS_SAVE_IMAGE;
    *out = NULL;
    int rc = read_kind(payload, &kind, err);
    if (rc != 0)
        return rc;
    struct nj_action_job *job = nj_action_job_create(runner, kind);
    if (job == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an action");
    rc = read_text(payload, "path", job->path, sizeof job->path, err);
    rc = rc != 0 ? rc
                 : read_text(payload, NJ_ACTION_ORDER_MEMBER, job->order_key, sizeof job->order_key,
                             err);
    rc = rc != 0 ? rc : read_site(payload, job, err);
    rc = rc != 0 ? rc : read_body(payload, job, err);
    *out = job;
    return rc;
}
