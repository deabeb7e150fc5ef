// SPDX-License-Identifier: Apache-2.0
// The set of live cameras: its members, its start and its end.
#include "pipeline/live_set.h"

#include "pipeline/live_set_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

struct nj_live_item *nj_live_item_find(struct nj_live_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].entry->id, id) == 0)
            return &set->items[i];
    return NULL;
}

int nj_live_item_add(struct nj_live_set *set, const struct nj_live_item *item, struct nj_error *err)
{
    if (set->count == NJ_LIVE_CAMERAS_MAX)
        return nj_error_set(err, NJ_E_FULL, "there are %d live cameras already, which is the limit",
                            NJ_LIVE_CAMERAS_MAX);
    set->items[set->count++] = *item;
    return 0;
}

void nj_live_item_remove(struct nj_live_set *set, struct nj_live_item *item)
{
    struct nj_live_item gone = *item;
    size_t index = (size_t)(item - set->items);
    memmove(item, item + 1, (set->count - index - 1) * sizeof *item);
    set->count -= 1;
    nj_live_pipeline_destroy(gone.pipeline);
    nj_config_object_destroy(gone.object);
}

int nj_live_camera_prepare(struct nj_db *db, const struct nj_source_entry *entry,
                           int64_t *out_last_track, struct nj_error *err)
{
    struct nj_camera_identity identity = {
        .id = entry->id,
        .name = entry->name[0] != '\0' ? entry->name : entry->id,
        .kind = nj_source_kinds[entry->kind],
    };
    int rc = nj_cameras_ensure(db, &identity, NULL, err);
    return rc == 0 ? nj_detections_last_track(db, entry->id, out_last_track, err) : rc;
}

int nj_live_item_play(struct nj_live_set *set, struct nj_live_item *item, int64_t last_track,
                      struct nj_error *err)
{
    struct nj_live_config config = set->config.live;
    config.entry = item->entry;
    config.last_track = last_track;
    config.rested = nj_live_change_rested;
    config.rested_context = set;
    item->problem[0] = '\0';
    int rc = nj_live_pipeline_create(&config, &item->pipeline, err);
    if (rc == 0)
        rc = nj_live_pipeline_start(item->pipeline, err);
    if (rc == 0)
        return 0;
    nj_live_pipeline_destroy(item->pipeline);
    item->pipeline = NULL;
    (void)nj_text_copy(item->problem, sizeof item->problem, err->text);
    nj_log_at(set->config.log, NJ_LOG_ERROR, "Live camera could not be started",
              NJ_TEXT("camera_id", item->entry->id), NJ_TEXT("error", err->text));
    return rc;
}

int nj_live_set_create(const struct nj_live_set_config *config, struct nj_live_set **out,
                       struct nj_error *err)
{
    const struct nj_object_list *list = &config->sources->list;
    const struct nj_source_entry *entries = list->items;
    struct nj_live_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for live cameras");
    set->config = *config;
    nj_list_init(&set->works);
    set->rested.fn = nj_live_change_handle_rested;
    atomic_init(&set->rest_posted, false);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        const struct nj_live_item item = {.entry = &entries[i], .paused = entries[i].paused};
        if (nj_live_item_find(set, entries[i].id) != NULL)
            rc = nj_error_set(err, NJ_E_INVALID, "sources.list: the id %s is given twice",
                              entries[i].id);
        else
            rc = nj_live_item_add(set, &item, err);
    }
    if (rc != 0)
        nj_live_set_destroy(set);
    else
        *out = set;
    return rc;
}

// One operation while starting: what was added, and the rows of all cameras.
struct start_op {
    struct nj_store_op op;
    struct nj_live_set *set;
    struct nj_source_row *rows;
    size_t row_count;
    int64_t last_tracks[NJ_LIVE_CAMERAS_MAX];
};

static int apply_rows(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct start_op *start = NJ_CONTAINER_OF(op, struct start_op, op);
    return nj_sources_list(db, &start->rows, &start->row_count, err);
}

static int apply_cameras(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct start_op *start = NJ_CONTAINER_OF(op, struct start_op, op);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < start->set->count; i++)
        rc = nj_live_camera_prepare(db, start->set->items[i].entry, &start->last_tracks[i], err);
    return rc;
}

// One that cannot be had is no reason to play none of the others.
static void add_row(struct nj_live_set *set, const struct nj_source_row *row)
{
    const struct nj_config_object_input input = {
        .members = &nj_source_entry_group, .json = row->entry, .length = strlen(row->entry)};
    struct nj_live_item item = {.paused = row->paused, .version = row->version};
    struct nj_error why = {0};
    if (nj_config_object_parse(&input, &item.object, &why) != 0) {
        nj_log_at(set->config.log, NJ_LOG_ERROR, "Added camera is kept, but cannot be read",
                  NJ_TEXT("camera_id", row->id), NJ_TEXT("error", why.text));
        return;
    }
    item.entry = nj_config_object_values(item.object);
    if (nj_live_item_add(set, &item, &why) != 0) {
        nj_log_at(set->config.log, NJ_LOG_ERROR, "Added camera is kept, but not played",
                  NJ_TEXT("camera_id", row->id), NJ_TEXT("error", why.text));
        nj_config_object_destroy(item.object);
    }
}

// A row beside a camera of the configuration says no more than whether it is paused.
static void merge_rows(struct nj_live_set *set, const struct start_op *start)
{
    for (size_t i = 0; i < start->row_count; i++) {
        const struct nj_source_row *row = &start->rows[i];
        struct nj_live_item *configured = nj_live_item_find(set, row->id);
        if (configured != NULL)
            configured->paused = configured->paused || row->paused;
        else if (row->entry[0] != '\0')
            add_row(set, row);
    }
}

static int play_all(struct nj_live_set *set, const struct start_op *start, struct nj_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct nj_live_item *item = &set->items[i];
        int rc = item->paused ? 0 : nj_live_item_play(set, item, start->last_tracks[i], err);
        if (rc != 0 && item->object == NULL)
            return rc;
    }
    return 0;
}

int nj_live_set_start(struct nj_live_set *set, struct nj_error *err)
{
    struct start_op *start = calloc(1, sizeof *start);
    if (start == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for live cameras");
    start->set = set;
    start->op.apply = apply_rows;
    int rc = nj_store_read_wait(set->config.live.store, &start->op, err);
    if (rc == 0)
        merge_rows(set, start);
    start->op = (struct nj_store_op){.apply = apply_cameras};
    if (rc == 0 && set->count > 0)
        rc = nj_store_write_wait(set->config.live.store, &start->op, err);
    if (rc == 0)
        rc = play_all(set, start, err);
    free(start->rows);
    free(start);
    return rc;
}

void nj_live_set_stop(struct nj_live_set *set)
{
    if (set == NULL || set->stopping)
        return;
    set->stopping = true;
    nj_live_changes_cancel(set);
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].pipeline != NULL)
            nj_live_pipeline_stop(set->items[i].pipeline);
}

bool nj_live_set_idle(struct nj_live_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].pipeline != NULL && !nj_live_pipeline_idle(set->items[i].pipeline))
            return false;
    return nj_live_changes_idle(set) && !atomic_load(&set->rest_posted);
}

void nj_live_set_destroy(struct nj_live_set *set)
{
    if (set == NULL)
        return;
    while (set->count > 0)
        nj_live_item_remove(set, &set->items[set->count - 1]);
    if (atomic_load(&set->rest_posted))
        nj_loop_turn(set->config.live.loop); // the loop still holds the call
    free(set);
}

static void describe(const struct nj_live_item *item, struct nj_live_camera *out)
{
    *out = (struct nj_live_camera){.entry = item->entry,
                                   .configured = item->object == NULL,
                                   .paused = item->paused,
                                   .version = item->version,
                                   .problem = item->problem,
                                   .pipeline = item->pipeline};
}

void nj_live_set_each(struct nj_live_set *set,
                      void (*see)(const struct nj_live_camera *camera, void *arg), void *arg)
{
    struct nj_live_camera camera;
    for (size_t i = 0; i < set->count; i++) {
        describe(&set->items[i], &camera);
        see(&camera, arg);
    }
}

bool nj_live_set_get(struct nj_live_set *set, const char *id, struct nj_live_camera *out)
{
    const struct nj_live_item *item = nj_live_item_find(set, id);
    if (item != NULL)
        describe(item, out);
    return item != NULL;
}

struct nj_live_pipeline *nj_live_set_find(struct nj_live_set *set, const char *id)
{
    const struct nj_live_item *item = nj_live_item_find(set, id);
    return item != NULL ? item->pipeline : NULL;
}

size_t nj_live_set_count(const struct nj_live_set *set)
{
    return set->count;
}
