// SPDX-License-Identifier: Apache-2.0
// Changes of live cameras while the program runs, one after the other: what plays comes to rest,
// the store remembers, and the new one plays. A change that the store refuses leaves the old one
// playing.
#include "pipeline/live_set.h"

#include "pipeline/live_set_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = 64 }; // that wait

struct nj_live_work {
    struct nj_list link;
    struct nj_live_set *set;
    struct nj_live_change *change;
    enum nj_live_change_kind kind;
    char id[NJ_CAMERA_ID_SIZE];
    struct nj_live_entry fresh; // of ADD and REPLACE
    bool resting, storing;
    const struct nj_source_entry *entry; // old or new one, for the store thread
    int64_t last_track;
    struct nj_store_op op;
    struct nj_call begin;
};

static void finish(struct nj_live_work *work, int rc, const struct nj_error *err)
{
    struct nj_live_change *change = work->change;
    change->rc = rc;
    change->error = err != NULL ? *err : (struct nj_error){0};
    (void)nj_text_copy(change->changed_id, sizeof change->changed_id, work->id);
    change->work = NULL;
    nj_list_remove(&work->link);
    work->set->work_count -= 1;
    nj_live_entry_finish(&work->fresh);
    free(work);
    change->done(change);
}

static struct nj_live_work *first_work(struct nj_live_set *set)
{
    return nj_list_empty(&set->works) ? NULL
                                      : NJ_CONTAINER_OF(set->works.next, struct nj_live_work, link);
}

static void begin_first(struct nj_live_set *set);

// The change is over; the next one begins.
static void end_change(struct nj_live_work *work, int rc, const struct nj_error *err)
{
    struct nj_live_set *set = work->set;
    finish(work, rc, err);
    begin_first(set);
}

// A new camera plays, a changed one goes on as it was, when the entry does not say it.
static bool says_paused(const struct nj_live_work *work)
{
    return work->kind == NJ_LIVE_PAUSE || work->fresh.paused > 0;
}

static int apply_entry(const struct nj_live_work *work, struct nj_db *db, struct nj_error *err)
{
    const bool add = work->kind == NJ_LIVE_ADD;
    int rc = add ? nj_sources_insert(db, work->id, work->fresh.json, err)
                 : nj_sources_update(db, work->id, work->fresh.json, err);
    if (rc == 0 && (work->fresh.paused > 0 || (!add && work->fresh.paused == 0)))
        rc = nj_sources_set_paused(db, work->id, work->fresh.paused > 0, err);
    return rc;
}

static int apply_row(const struct nj_live_work *work, struct nj_db *db, struct nj_error *err)
{
    switch (work->kind) {
    case NJ_LIVE_ADD:
    case NJ_LIVE_REPLACE:
        return apply_entry(work, db, err);
    case NJ_LIVE_REMOVE:
        return nj_sources_delete(db, work->id, err);
    case NJ_LIVE_PAUSE:
    case NJ_LIVE_RESUME:
        return nj_sources_set_paused(db, work->id, work->kind == NJ_LIVE_PAUSE, err);
    }
    return NJ_E_INTERNAL;
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_live_work *work = NJ_CONTAINER_OF(op, struct nj_live_work, op);
    int rc = apply_row(work, db, err);
    if (rc == 0)
        rc = nj_live_camera_prepare(db, work->entry, &work->last_track, err);
    if (rc == 0 && (work->kind == NJ_LIVE_REMOVE || says_paused(work)))
        rc = nj_cameras_set_status(db, work->id, "offline",
                                   says_paused(work) ? "paused" : "removed", err);
    return rc;
}

// The store has it: the set follows. The item's place may have moved meanwhile.
static int follow(struct nj_live_work *work, struct nj_error *err)
{
    struct nj_live_set *set = work->set;
    struct nj_live_item *item = nj_live_item_find(set, work->id);
    if (work->kind == NJ_LIVE_ADD) {
        const struct nj_live_item added = {.object = work->fresh.object,
                                           .entry = nj_config_object_values(work->fresh.object),
                                           .paused = says_paused(work),
                                           .version = 1};
        int rc = nj_live_item_add(set, &added, err);
        if (rc != 0)
            return rc;
        work->fresh.object = NULL;
        item = nj_live_item_find(set, work->id);
    } else if (work->kind == NJ_LIVE_REMOVE) {
        nj_live_item_remove(set, item);
        return 0;
    } else if (work->kind == NJ_LIVE_REPLACE) {
        struct nj_config_object *old = item->object;
        item->object = work->fresh.object;
        item->entry = nj_config_object_values(item->object);
        item->paused = work->fresh.paused < 0 ? item->paused : says_paused(work);
        work->fresh.object = NULL;
        nj_config_object_destroy(old);
    } else {
        item->paused = work->kind == NJ_LIVE_PAUSE;
    }
    item->version += work->kind != NJ_LIVE_ADD && item->object != NULL;
    struct nj_error why = {0};
    if (!item->paused && !set->stopping && item->pipeline == NULL)
        (void)nj_live_item_play(set, item, work->last_track, &why); // its problem is told
    return 0;
}

static void handle_stored(struct nj_store_op *op)
{
    struct nj_live_work *work = NJ_CONTAINER_OF(op, struct nj_live_work, op);
    struct nj_error err = op->error;
    int rc = op->rc;
    work->storing = false;
    struct nj_live_item *item = nj_live_item_find(work->set, work->id);
    if (rc == 0) {
        rc = follow(work, &err);
    } else if (item != NULL && !item->paused && !work->set->stopping && item->pipeline == NULL) {
        struct nj_error why = {0};
        (void)nj_live_item_play(work->set, item, work->last_track, &why); // as before
    }
    end_change(work, rc, &err);
}

static void store_change(struct nj_live_work *work)
{
    const struct nj_live_item *item = nj_live_item_find(work->set, work->id);
    work->entry =
        work->fresh.object != NULL ? nj_config_object_values(work->fresh.object) : item->entry;
    work->op = (struct nj_store_op){
        .apply = apply, .done = handle_stored, .loop = work->set->config.live.loop};
    work->storing = true;
    int rc = nj_store_write(work->set->config.live.store, &work->op);
    if (rc == 0)
        return;
    struct nj_error err = {0};
    work->op.rc = nj_error_set(&err, rc, "the store takes no changes now");
    work->op.error = err;
    handle_stored(&work->op);
}

// What plays comes to rest first, so that its rows are ended before new ones begin.
static void advance(struct nj_live_work *work)
{
    struct nj_live_item *item = nj_live_item_find(work->set, work->id);
    if (item != NULL && item->pipeline != NULL && work->kind != NJ_LIVE_RESUME) {
        nj_live_pipeline_stop(item->pipeline);
        work->resting = !nj_live_pipeline_idle(item->pipeline);
        if (work->resting)
            return;
        nj_live_pipeline_destroy(item->pipeline);
        item->pipeline = NULL;
    }
    store_change(work);
}

void nj_live_change_rested(void *context)
{
    struct nj_live_set *set = context;
    if (!atomic_exchange(&set->rest_posted, true))
        nj_loop_post(set->config.live.loop, &set->rested);
}

void nj_live_change_handle_rested(struct nj_call *call)
{
    struct nj_live_set *set = NJ_CONTAINER_OF(call, struct nj_live_set, rested);
    struct nj_live_work *work = first_work(set);
    atomic_store(&set->rest_posted, false);
    if (work != NULL && work->resting)
        advance(work);
}

static int check_new(const struct nj_live_work *work, struct nj_error *err)
{
    if (nj_live_item_find(work->set, work->id) != NULL)
        return nj_error_set(err, NJ_E_EXISTS, "there is a camera %s already", work->id);
    return work->set->count < NJ_LIVE_CAMERAS_MAX
               ? 0
               : nj_error_set(err, NJ_E_CONFLICT,
                              "there are %d live cameras already, which is the limit",
                              NJ_LIVE_CAMERAS_MAX);
}

static int check_known(const struct nj_live_work *work, struct nj_error *err)
{
    const struct nj_live_item *item = nj_live_item_find(work->set, work->id);
    if (item == NULL)
        return nj_error_set(err, NJ_E_NOT_FOUND, "no live camera %s", work->id);
    if (item->object == NULL && (work->kind == NJ_LIVE_REPLACE || work->kind == NJ_LIVE_REMOVE))
        return nj_error_set(err, NJ_E_DENIED,
                            "camera %s stands in the configuration: change it there", work->id);
    return 0;
}

// What a source of this entry would refuse is refused before it is kept.
static int try_entry(const struct nj_live_work *work, struct nj_error *err)
{
    const struct nj_live_config *live = &work->set->config.live;
    const struct nj_source_config config = {.entry = nj_config_object_values(work->fresh.object),
                                            .rules = live->rules,
                                            .clock = live->clock,
                                            .log = live->log};
    struct nj_source *source = NULL;
    int rc = nj_source_create(&config, &source, err);
    nj_source_destroy(source);
    return rc;
}

static int read_entry(struct nj_live_work *work, struct nj_error *err)
{
    const struct nj_live_change *change = work->change;
    const struct nj_live_item *item =
        work->kind == NJ_LIVE_REPLACE ? nj_live_item_find(work->set, work->id) : NULL;
    const struct nj_live_entry_input input = {
        .json = change->json,
        .length = change->length,
        .old = item != NULL ? item->entry : NULL,
        .id = work->kind == NJ_LIVE_REPLACE ? work->id : NULL,
    };
    int rc = nj_live_entry_parse(&input, &work->fresh, err);
    if (rc != 0)
        return rc;
    const struct nj_source_entry *entry = nj_config_object_values(work->fresh.object);
    if (work->kind == NJ_LIVE_REPLACE && strcmp(entry->id, work->id) != 0)
        return nj_error_set(err, NJ_E_INVALID, "source.id: an id does not change; it is %s",
                            work->id);
    (void)nj_text_copy(work->id, sizeof work->id, entry->id);
    return try_entry(work, err);
}

// Only when its turn has come: earlier changes may have added or removed the camera, or changed
// what a new entry keeps of the old one.
static int check(struct nj_live_work *work, struct nj_error *err)
{
    if (work->kind == NJ_LIVE_ADD) {
        const int rc = read_entry(work, err);
        return rc == 0 ? check_new(work, err) : rc;
    }
    const int rc = check_known(work, err);
    return rc == 0 && work->kind == NJ_LIVE_REPLACE ? read_entry(work, err) : rc;
}

static void handle_begin(struct nj_call *call)
{
    struct nj_live_work *work = NJ_CONTAINER_OF(call, struct nj_live_work, begin);
    struct nj_error err = {0};
    int rc = work->set->stopping ? nj_error_set(&err, NJ_E_CANCELLED, "the program is stopping")
                                 : check(work, &err);
    if (rc != 0)
        end_change(work, rc, &err);
    else
        advance(work);
}

// By a posted call, so that a row of refused changes is no recursion.
static void begin_first(struct nj_live_set *set)
{
    struct nj_live_work *work = first_work(set);
    if (work == NULL)
        return;
    work->begin.fn = handle_begin;
    nj_loop_post(set->config.live.loop, &work->begin);
}

static int take_change(struct nj_live_work *work, struct nj_error *err)
{
    const struct nj_live_change *change = work->change;
    if (work->set->stopping)
        return nj_error_set(err, NJ_E_CANCELLED, "the program is stopping");
    if (work->set->work_count > CHANGES_MAX)
        return nj_error_set(err, NJ_E_FULL, "too many changes of cameras wait; try again");
    if (change->kind != NJ_LIVE_ADD && !nj_text_copy(work->id, sizeof work->id, change->id))
        return nj_error_set(err, NJ_E_NOT_FOUND, "no such live camera");
    return 0;
}

void nj_live_set_change(struct nj_live_set *set, struct nj_live_change *change)
{
    struct nj_live_work *work = calloc(1, sizeof *work);
    struct nj_error err = {0};
    if (work == NULL) {
        change->rc = nj_error_set(&change->error, NJ_E_NOMEM, "no memory for a change");
        change->done(change);
        return;
    }
    work->set = set;
    work->change = change;
    work->kind = change->kind;
    nj_list_init(&work->link);
    set->work_count += 1;
    int rc = take_change(work, &err);
    if (rc != 0) {
        finish(work, rc, &err);
        return;
    }
    change->work = work;
    bool only = nj_list_empty(&set->works);
    nj_list_append(&set->works, &work->link);
    if (only)
        begin_first(set);
}

void nj_live_changes_cancel(struct nj_live_set *set)
{
    struct nj_live_work *first = first_work(set);
    if (first != NULL && first->resting) {
        struct nj_error err = {0};
        int rc = nj_error_set(&err, NJ_E_CANCELLED, "the program is stopping");
        end_change(first, rc, &err); // the others end when their turn comes
    }
}

bool nj_live_changes_idle(const struct nj_live_set *set)
{
    return nj_list_empty(&set->works);
}
