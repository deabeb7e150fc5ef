// SPDX-License-Identifier: Apache-2.0
// Records: cells out of templates, written to a PostgreSQL database or into the embedded store.
#include "actions/action_priv.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

void nj_action_record_free(struct nj_action_record *record)
{
    if (record == NULL)
        return;
    for (size_t i = 0; i < record->text_count; i++)
        free(record->texts[i]);
    free(record);
}

int nj_action_record_text(struct nj_action_record *record, const char *text, const char **out,
                          struct nj_error *err)
{
    char *copy = record->text_count < NJ_COUNT_OF(record->texts) ? nj_strdup(text) : NULL;
    if (copy == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a record");
    record->texts[record->text_count++] = copy;
    *out = copy;
    return 0;
}

static bool has_column(const struct nj_action_record *record, const char *column)
{
    for (size_t i = 0; i < record->cell_count; i++) {
        if (strcmp(record->cells[i].column, column) == 0)
            return true;
    }
    return false;
}

static int set_cell(struct nj_action_record *record, struct nj_foreign_cell *cell,
                    const struct nj_value *value, struct nj_error *err)
{
    switch (value->kind) {
    case NJ_VALUE_NONE:
        cell->kind = NJ_CELL_NULL;
        break;
    case NJ_VALUE_TEXT:
        cell->kind = value->text != NULL ? NJ_CELL_TEXT : NJ_CELL_NULL;
        return value->text != NULL ? nj_action_record_text(record, value->text, &cell->text, err)
                                   : 0;
    case NJ_VALUE_NUMBER:
        cell->kind = NJ_CELL_NUMBER;
        cell->number = value->number;
        break;
    case NJ_VALUE_BOOL:
        cell->kind = NJ_CELL_BOOL;
        cell->truth = value->truth;
        break;
    }
    return 0;
}

struct wish { // of one column
    const char *column;
    const struct nj_template *value;
    const struct nj_values *values;
};

// NJ_E_NOT_FOUND: a name in it has no value.
static int add_cell(struct nj_action_record *record, const struct wish *wish, struct nj_error *err)
{
    struct nj_foreign_cell cell = {0};
    struct nj_value value = {0};
    struct nj_buf scratch;
    int rc = 0;
    if (has_column(record, wish->column))
        return 0;
    if (record->cell_count == NJ_FOREIGN_CELLS_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "more than %d columns", NJ_FOREIGN_CELLS_MAX);
    nj_buf_init(&scratch, NJ_ACTION_TEXT_MAX);
    if (nj_template_is_now(wish->value)) {
        cell.kind = NJ_CELL_NOW;
    } else {
        rc = nj_template_value(wish->value, wish->values, &scratch, &value, err);
        rc = rc != 0 ? rc : set_cell(record, &cell, &value, err);
    }
    rc = rc != 0 ? rc : nj_action_record_text(record, wish->column, &cell.column, err);
    nj_buf_finish(&scratch);
    if (rc == 0)
        record->cells[record->cell_count++] = cell;
    return rc;
}

static int add_key(struct nj_action_record *record, const struct nj_spec_action *action,
                   const struct nj_values *values, struct nj_error *err)
{
    nj_text_copy(record->key_column, sizeof record->key_column,
                 action->key_field[0] != '\0' ? action->key_field : "session_id");
    if (action->key_value != NULL)
        return add_cell(record, &(struct wish){record->key_column, action->key_value, values}, err);
    for (size_t i = 0; i < action->field_count; i++) {
        const struct nj_spec_field *field = &action->fields[i];
        if (strcmp(field->column, record->key_column) == 0)
            return add_cell(record, &(struct wish){field->column, field->value, values}, err);
    }
    // A new record without a key of its own gets the session's.
    struct nj_template *session = NULL;
    int rc = nj_template_parse("{session_id}", &session, err);
    if (rc == 0)
        rc = add_cell(record, &(struct wish){record->key_column, session, values}, err);
    nj_template_destroy(session);
    return rc;
}

static int add_fields(struct nj_action_record *record, const struct nj_spec_action *action,
                      const struct nj_values *values, struct nj_error *err)
{
    for (size_t i = 0; i < action->field_count; i++) {
        const struct nj_spec_field *field = &action->fields[i];
        const int rc = add_cell(record, &(struct wish){field->column, field->value, values}, err);
        if (rc != 0 && rc != NJ_E_NOT_FOUND) // the column of a branch without a result stays
            return rc;
    }
    // The key alone changes nothing.
    if (record->cell_count < 2 && action->kind != NJ_ACTION_POSTGRESQL_CREATE_RECORD)
        return nj_error_set(err, NJ_E_NOT_FOUND, "%s: none of its columns has a value",
                            action->path);
    return 0;
}

int nj_action_resolve_record(struct nj_action_job *job, const struct nj_action_call *call,
                             const struct nj_values *values, struct nj_error *err)
{
    static const enum nj_foreign_kind kinds[NJ_ACTION_KIND_COUNT] = {
        [NJ_ACTION_POSTGRESQL_CREATE_RECORD] = NJ_FOREIGN_INSERT,
        [NJ_ACTION_POSTGRESQL_UPDATE] = NJ_FOREIGN_UPDATE,
        [NJ_ACTION_POSTGRESQL_UPDATE_COMBINED] = NJ_FOREIGN_UPSERT,
    };
    struct nj_action_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a record");
    job->record = record;
    record->kind = kinds[call->action->kind];
    nj_text_copy(record->table, sizeof record->table, call->action->table);
    int rc = add_key(record, call->action, values, err);
    return rc != 0 ? rc : add_fields(record, call->action, values, err);
}

static void fill_write(struct nj_action_job *job)
{
    const struct nj_action_record *record = job->record;
    job->write = (struct nj_foreign_write){.kind = record->kind,
                                           .table = record->table,
                                           .key_column = record->key_column,
                                           .cells = record->cells,
                                           .cell_count = record->cell_count,
                                           .order_key = job->order_key};
}

static void handle_written(struct nj_foreign_write *write)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(write, struct nj_action_job, write);
    const struct nj_error why = write->error;
    if (write->attempts > 0)
        job->attempts += (unsigned)write->attempts - 1;
    nj_action_tried(job, write->rc, &why);
}

static int apply_record(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    return nj_records_write(db, &job->write, err);
}

static void handle_stored(struct nj_store_op *op)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_error why = op->error;
    nj_action_tried(job, op->rc, &why);
}

void nj_action_try_record(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_error why = {0};
    int rc = 0;
    fill_write(job);
    if (job->target != NULL) {
        job->write.done = handle_written;
        rc = nj_foreign_submit(job->target->foreign, &job->write, &why);
    } else {
        job->op = (struct nj_store_op){
            .apply = apply_record, .done = handle_stored, .loop = runner->config.loop};
        rc = nj_store_write(runner->config.store, &job->op);
        if (rc != 0)
            nj_error_set(&why, rc, "the store takes no more operations now");
    }
    if (rc != 0)
        nj_action_tried(job, rc, &why);
}
