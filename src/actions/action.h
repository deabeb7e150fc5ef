// SPDX-License-Identifier: Apache-2.0
// What a pipeline does with its results: saves images, publishes, writes records, posts. To Redis
// and PostgreSQL where they are configured (by the site or by the archive), else to the embedded
// store. A failing action never stops the others; after its tries it becomes a dead letter of
// "action_queue", from where it can be requeued. When the store does not take the letter, it waits
// in memory.
#ifndef NJ_ACTIONS_ACTION_H
#define NJ_ACTIONS_ACTION_H

#include "bus/bus.h"
#include "bus/redis.h"
#include "frames/frame.h"
#include "frames/tensor.h"
#include "health/registry.h"
#include "jobs/work_queue.h"
#include "net/address_rules.h"
#include "archives/archive.h"
#include "storage/foreign.h"
#include "storage/media.h"
#include "storage/store.h"

struct nj_action_options {
    int64_t default_expire_seconds; // of saved images without one: 3600
    int64_t max_image_bytes;
    int64_t max_waiting; // actions under way; more are dead letters at once. Also letters in memory
    int64_t max_held_bytes; // of letters in memory
    nj_us http_connect_us, http_total_us;
    int64_t tries;            // after the first: 3
    nj_us retry_us;           // doubles
    nj_us keep_us;            // the image of a dead letter
    int64_t breaker_failures; // of a server, in a row
    nj_us breaker_us;
    struct nj_address_rules rules; // of http_post
};
extern const struct nj_option_group nj_action_option_group; // group "actions"

// Of a letter: by it the queue knows of which session an action is.
#define NJ_ACTION_ORDER_MEMBER "session_id"

struct nj_action_runner_config {
    const struct nj_action_options *options;
    const struct nj_redis_options *redis;      // of the site; url "" : embedded
    const struct nj_foreign_options *foreign;  // of the site; url "" : embedded
    const struct nj_archive_options *archives; // which secrets archives may refer to
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_media *media;
    struct nj_bus *bus;
    struct nj_work_queue *queue;  // "action_queue": dead letters and what is requeued from them
    struct nj_metrics *metrics;   // may be NULL
    struct nj_registry *registry; // shows the servers' breakers; may be NULL, else outlives it
    struct nj_log *log;
};

struct nj_action_runner; // loop thread only

int nj_action_runner_create(const struct nj_action_runner_config *config,
                            struct nj_action_runner **out, struct nj_error *err);
// No new actions; those under way go on until `done`, at most for `deadline_us`. Letters that the
// store does not take even then are lost, each named in the log.
void nj_action_runner_stop(struct nj_action_runner *runner, nj_us deadline_us,
                           void (*done)(void *arg), void *arg);
void nj_action_runner_destroy(struct nj_action_runner *runner); // after `done`, or before any run

// One action with everything it needs, resolved: the runner copies what it keeps.
struct nj_action_call { // caller-owned and intrusive; valid until `done` has begun
    const struct nj_spec_action *action;
    const struct nj_archive *archive; // whose Redis and PostgreSQL these are
    const struct nj_values *values;   // of the templates, during the call only
    struct nj_frame *frame;           // redis_save_image; a reference is taken
    struct nj_rect region;            // of it; w 0: the whole frame
    const char *order_key;            // session id: actions of one session keep their order
    // Called from: loop thread, exactly once, also when the call itself failed at once.
    void (*done)(struct nj_action_call *call);
    int rc;
    struct nj_error error;
    char image_key[512]; // of a saved image
};
void nj_action_run(struct nj_action_runner *runner, struct nj_action_call *call);

// Saved images by key, wherever they are. `done` on the loop thread.
struct nj_saved_image {
    void (*done)(struct nj_saved_image *image);
    char key[512];
    int rc;        // NJ_E_NOT_FOUND, NJ_E_UNAVAILABLE, ...
    bool at_redis; // that is where it failed, not in the store
    struct nj_error error;
    void *bytes; // malloc'd, the caller's; of get
    size_t length;
    const char *type;
};
void nj_saved_image_get(struct nj_action_runner *runner, struct nj_saved_image *image);
void nj_saved_image_delete(struct nj_action_runner *runner, struct nj_saved_image *image);

struct nj_action_stats {
    int64_t under_way;
    int64_t held;                      // failed, and in memory until the store takes their letters
    uint64_t skipped;                  // a name in their templates had no value
    uint64_t done, failed, dead, lost; // dead, lost: of the failed
    bool redis_configured, redis_ready, foreign_configured, foreign_ready;
};
void nj_action_runner_get_stats(struct nj_action_runner *runner, struct nj_action_stats *out);

#endif
