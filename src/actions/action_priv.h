// SPDX-License-Identifier: Apache-2.0
// What the files of the actions share: resolved jobs, the lanes they wait in, the servers they go
// to.
#ifndef NJ_ACTIONS_ACTION_PRIV_H
#define NJ_ACTIONS_ACTION_PRIV_H

#include "actions/action.h"
#include "net/url.h"
#include "storage/store_records.h"
#include "util/backoff.h"
#include "util/digest.h"
#include "util/list.h"
#include "util/rng.h"
#include "util/strmap.h"

#include <jansson.h>
#include <uv.h>

enum {
    NJ_ACTION_KEY_SIZE = 512,     // of an image, with its NUL
    NJ_ACTION_CHANNEL_SIZE = 512, // or the address of http_post
    NJ_ACTION_TEXT_MAX = 65536,   // of a filled-in message
    NJ_ACTION_ORDER_SIZE = 128,
    NJ_ACTION_TARGETS_MAX = 32, // servers at once, of the site and of archives
    NJ_ACTION_TARGET_NAME_SIZE = 512,
    NJ_ACTION_QUEUE_CAPACITY = 4, // requeued actions at once
    NJ_ACTION_RETRY_CAP_S = 60,   // between two tries; a server may have been away for hours
};

enum nj_action_edge {
    NJ_EDGE_LOCAL, // the embedded store and the bus
    NJ_EDGE_REDIS,
    NJ_EDGE_FOREIGN,
    NJ_EDGE_HTTP
};

// Where a server is; also what a dead letter keeps of it. `password` is a reference, or the text of
// an archive that has it so (which is never written into a letter).
struct nj_action_site {
    enum nj_action_edge edge;
    bool archive; // else the site's own
    char host[NJ_URL_HOST_SIZE];
    int port, database_number;
    char database[64], username[64];
    char password[256];
    // Of the connection that did it first: it has a password that is no reference, which a letter
    // does not keep, and goes on to do it while it lasts. "" else.
    char connection[NJ_UUID_SIZE];
};

// A server with its connection.
struct nj_action_target {
    struct nj_list node;                   // of the runner's targets
    char name[NJ_ACTION_TARGET_NAME_SIZE]; // "redis://host:6379/0", "http://host": no secrets
    char breaker_name[NJ_ACTION_TARGET_NAME_SIZE];
    char secret_sha256[NJ_SHA256_HEX_SIZE]; // another password is another target
    char id[NJ_UUID_SIZE];                  // never given twice
    char *url, *password;
    struct nj_redis_options redis_options;
    struct nj_foreign_options foreign_options;
    struct nj_redis *redis;
    struct nj_foreign *foreign;
    struct nj_breaker *breaker;
    enum nj_action_edge edge;
    size_t users; // jobs
};

struct nj_action_record { // strings lie in `texts`
    enum nj_foreign_kind kind;
    char table[NJ_SPEC_NAME_SIZE];
    char key_column[64];
    struct nj_foreign_cell cells[NJ_FOREIGN_CELLS_MAX];
    size_t cell_count;
    char *texts[2 * NJ_FOREIGN_CELLS_MAX]; // malloc'd: columns and values
    size_t text_count;
};

struct nj_action_image {
    struct nj_frame *frame; // until it is encoded
    struct nj_rect region;
    bool png;
    int quality;
    int64_t expire_seconds;
    void *bytes; // malloc'd
    size_t length;
    char path[NJ_IMAGE_PATH_SIZE]; // its file, where it has one
};

struct nj_action_lane { // of one session
    struct nj_list jobs;
    bool image_failed; // the newest image was not saved
    bool pumping;
};

struct nj_action_driver;
struct nj_action_poster;

enum nj_action_state {
    NJ_ACTION_MAKING,  // its image is being encoded or read, or what is before it looked for
    NJ_ACTION_READY,   // its turn has not come
    NJ_ACTION_TRYING,  // with the server
    NJ_ACTION_PAUSING, // until the next try
    NJ_ACTION_KEEPING  // becoming a dead letter, or waiting work
};

struct nj_action_job {
    struct nj_list node; // of its lane
    struct nj_list all;  // of the runner
    struct nj_action_runner *runner;
    struct nj_action_lane *lane; // NULL: no order
    const struct nj_action_driver *driver;
    enum nj_action_state state;
    char path[NJ_SPEC_NAME_SIZE];
    char order_key[NJ_ACTION_ORDER_SIZE];

    char key[NJ_ACTION_KEY_SIZE];
    char channel[NJ_ACTION_CHANNEL_SIZE];
    char *text; // malloc'd
    size_t text_length;
    bool text_is_json;
    bool names_image; // uses {image_key}
    bool skipped;     // a name in a template has no value
    struct nj_action_record *record;
    struct nj_action_image *image;

    struct nj_action_site site;
    struct nj_action_target *target; // NULL: local
    nj_us first_failed_us;           // wall; 0: never
    unsigned attempts;               // begun
    struct nj_timer pause;
    struct nj_action_call *call; // NULL: from the queue
    struct nj_work_item *work;   // NULL: from a pipeline
    bool in_order;               // nothing earlier of its session waits in the queue
    bool put_back;               // into the queue, as if it had not been taken
    nj_us earlier_due_us;        // wall; when what is before it may go on
    int rc;
    struct nj_error error;
    struct nj_error cause; // why it is kept, while `error` is that of writing its image

    // Tools of an attempt.
    struct nj_redis_command command;
    struct nj_foreign_write write;
    struct nj_store_op op;
    struct nj_call posted;
    uint64_t round;      // of the breaker, of a post
    struct nj_list turn; // among the posts that wait
    uv_work_t uv;
    void (*made)(struct nj_action_job *job); // after `uv`
    char replaced[NJ_IMAGE_PATH_SIZE];       // file of an older image of this key
    char *letter;                            // JSON; malloc'd
    bool park;                               // into the queue rather than among the letters
    bool held;                               // told and counted as failed, only not kept yet
    size_t held_bytes;                       // of it while it is held
    char kept_key[NJ_ACTION_KEY_SIZE];       // of the row of its image's file, "" none
};

// One kind of action. All of them stand in nj_action_drivers.
struct nj_action_driver {
    enum nj_action_kind kind;
    enum nj_action_edge edge; // where it goes when such a server is configured
    // Fills templates into the job. Loop thread.
    int (*resolve)(struct nj_action_job *job, const struct nj_action_call *call,
                   const struct nj_values *values, struct nj_error *err);
    // Begins one attempt, which ends with nj_action_tried exactly once, maybe at once.
    void (*attempt)(struct nj_action_job *job);
    bool tries_itself; // the writer behind it repeats on its own
};
extern const struct nj_action_driver *const nj_action_drivers[NJ_ACTION_KIND_COUNT];

struct nj_action_runner {
    struct nj_action_runner_config config;
    const struct nj_clock *clock;
    struct nj_strmap *lanes;
    struct nj_list jobs; // every one, oldest first
    size_t job_count;
    struct nj_list held; // failed ones that the store does not take now, oldest first
    size_t held_count, held_bytes;
    unsigned held_tries;
    bool held_busy, held_waiting; // the first is with the store; the timer runs
    struct nj_timer held_timer;
    struct nj_list targets;
    size_t target_count;
    struct nj_rng rng;
    struct nj_action_stats stats;
    struct nj_metric *metric_done, *metric_skipped, *metric_failed, *metric_dead, *metric_lost,
        *metric_held;
    struct nj_timer sweep_timer;
    bool sweeping, stopping, parking;
    size_t others; // saved images asked for, sweeps: operations beside the jobs
    struct nj_timer stop_timer;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct nj_action_poster *poster; // the http thread; NULL: stopped
};

// How long to wait after so many tries, of an action or of keeping one.
static inline nj_us nj_action_retry_us(struct nj_action_runner *runner, unsigned tries)
{
    static const double jitter = 0.25; // actions that failed together do not come back together
    const struct nj_backoff backoff = {.base_us = runner->config.options->retry_us,
                                       .cap_us = NJ_ACTION_RETRY_CAP_S * (nj_us)NJ_US_PER_S,
                                       .jitter = jitter};
    return nj_backoff_delay(&backoff, tries, &runner->rng);
}

// action_run.c
struct nj_action_job *nj_action_job_create(struct nj_action_runner *runner,
                                           enum nj_action_kind kind);
// Puts the job into its lane and begins; it ends by itself from here on.
void nj_action_job_start(struct nj_action_job *job);
// The image is there, or why not.
void nj_action_job_made(struct nj_action_job *job, int rc, const struct nj_error *why);
void nj_action_tried(struct nj_action_job *job, int rc, const struct nj_error *why);
// The end: tells the caller, frees, goes on with the lane. `why` may be NULL when rc is 0.
void nj_action_job_end(struct nj_action_job *job, int rc, const struct nj_error *why);
// The same, but the job goes on to exist, in the list `aside`, and is nobody's but its holder's.
void nj_action_job_set_aside(struct nj_action_job *job, struct nj_list *aside);
void nj_action_job_free(struct nj_action_job *job); // of one that was set aside
// Work beside the jobs ended, or a job did: whether a stop is complete.
void nj_action_check_stopped(struct nj_action_runner *runner);
// `job->made` on the loop thread after `run` ran on libuv's pool.
int nj_action_pool(struct nj_action_job *job, void (*run)(uv_work_t *uv),
                   void (*made)(struct nj_action_job *job));

// action_kinds.c
int nj_action_resolve(struct nj_action_job *job, const struct nj_action_call *call,
                      struct nj_error *err);
int nj_action_record_text(struct nj_action_record *record, const char *text, const char **out,
                          struct nj_error *err);
void nj_action_record_free(struct nj_action_record *record);

// action_image.c
int nj_action_resolve_image(struct nj_action_job *job, const struct nj_action_call *call,
                            const struct nj_values *values, struct nj_error *err);
void nj_action_try_image(struct nj_action_job *job);
void nj_action_make_image(struct nj_action_job *job); // encodes, or reads its file
// Encodes the image unless it is, and writes it into a file of ours (image->path), on the pool;
// job->rc tells `made`.
int nj_action_image_to_file(struct nj_action_job *job, void (*made)(struct nj_action_job *job));
void nj_action_image_free(struct nj_action_image *image);

// action_message.c, action_post.c, action_record.c
int nj_action_resolve_message(struct nj_action_job *job, const struct nj_action_call *call,
                              const struct nj_values *values, struct nj_error *err);
void nj_action_try_publish(struct nj_action_job *job);
void nj_action_try_message(struct nj_action_job *job);
void nj_action_try_post(struct nj_action_job *job);
int nj_action_posts_start(struct nj_action_runner *runner, struct nj_error *err);
// Ends what waits; a post that is under way is cancelled, and its job ends by itself soon.
void nj_action_posts_stop(struct nj_action_runner *runner);
void nj_action_posts_destroy(struct nj_action_runner *runner); // no job is under way any more
int nj_action_resolve_record(struct nj_action_job *job, const struct nj_action_call *call,
                             const struct nj_values *values, struct nj_error *err);
void nj_action_try_record(struct nj_action_job *job);

// action_target.c
// Where an action of this edge goes: the archive's server, the site's, or NJ_EDGE_LOCAL.
void nj_action_site_of(const struct nj_action_runner *runner, enum nj_action_edge edge,
                       const struct nj_archive *archive, struct nj_action_site *out);
bool nj_action_secret_is_reference(const char *password);
// The connection, made when there is none yet. NJ_E_FULL, NJ_E_INVALID (secret, URL), NJ_E_NOMEM.
int nj_action_target_get(struct nj_action_runner *runner, const struct nj_action_site *site,
                         struct nj_action_target **out, struct nj_error *err);
// The breaker of the host of `url`; *out NULL when there is no room for one more.
void nj_action_target_http(struct nj_action_runner *runner, const char *url,
                           struct nj_action_target **out);
// One try: the command of these words, which are copied, to the target's Redis. Its answer ends it.
void nj_action_ask_redis(struct nj_action_job *job, const char *const *words, const size_t *lengths,
                         size_t count);
void nj_action_targets_destroy(struct nj_action_runner *runner);

// action_keep.c
// Keeps a job that could not be done among the dead letters, or (`park`) as work that waits; a job
// that came from the queue is given back there. Ends the job.
void nj_action_keep(struct nj_action_job *job, bool park, int rc, const struct nj_error *why);
// Once more, for a job that is held. Ends with nj_action_kept or nj_action_not_kept, never at once.
void nj_action_keep_again(struct nj_action_job *job);
// Whether another try may help.
bool nj_action_may_pass(int rc);
// action_hold.c
void nj_action_held_init(struct nj_action_runner *runner);
void nj_action_held_finish(struct nj_action_runner *runner);
// The job is in the store. Ends it.
void nj_action_kept(struct nj_action_job *job);
// The store does not take the job: holds it in memory, or ends it as lost.
void nj_action_not_kept(struct nj_action_job *job, const struct nj_error *why);
// Offers the first of those held to the store, if none is on its way there.
void nj_action_offer_held(struct nj_action_runner *runner);
struct nj_action_lost {
    enum nj_action_kind kind;
    const char *path, *session_id, *why;
};
// Counts and names one of which nothing is left.
void nj_action_lose(struct nj_action_runner *runner, const struct nj_action_lost *lost);
// action_requeue.c
void nj_action_requeued(struct nj_work_item *item, void *arg); // handler of the queue
// A job from the queue has its turn in its lane: whether something of its session is before it in
// the queue, held by a process that died, or waiting for its next try. Then it goes back there;
// else nj_action_job_made.
void nj_action_check_order(struct nj_action_job *job);
// A job from the queue is done: takes it out of there. Ends the job.
void nj_action_complete(struct nj_action_job *job);
// action_letter.c: the resolved action as JSON and back. Write: malloc'd; NJ_E_NOMEM, NJ_E_TOO_BIG.
// Read: *out may be a job on failure too, which the caller ends.
int nj_action_job_write(const struct nj_action_job *job, char **out, struct nj_error *err);
int nj_action_job_read(struct nj_action_runner *runner, const json_t *payload,
                       struct nj_action_job **out, struct nj_error *err);

// action_saved.c
void nj_action_sweep_start(struct nj_action_runner *runner);

#endif
