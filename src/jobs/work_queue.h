// SPDX-License-Identifier: Apache-2.0
// The one claim-lease-fence engine: durable queues with retry, dead letters and back-pressure.
#ifndef NJ_JOBS_WORK_QUEUE_H
#define NJ_JOBS_WORK_QUEUE_H

#include "config/options.h"
#include "health/metrics.h"
#include "storage/store.h"
#include "storage/store_work.h"
#include "util/json_reader.h"
#include "util/log.h"

#include <jansson.h>

enum nj_overflow { NJ_OVERFLOW_REJECT, NJ_OVERFLOW_DROP_OLDEST, NJ_OVERFLOW_DLQ };

struct nj_work_queue_options {
    int64_t max_size;                  // QUEUE_MAX_SIZE 10000
    int overflow;                      // enum nj_overflow, QUEUE_OVERFLOW_POLICY dlq
    double pressure_threshold;         // QUEUE_BACKPRESSURE_THRESHOLD 0.8
    int64_t max_attempts;              // failures until the dead letter, 3
    int64_t max_lost;                  // claims that ended without a word until the dead letter, 10
    nj_us retry_base_us, retry_cap_us; // 1 s, 30 s
    double retry_jitter;               // 0.25
    nj_us lease_us;                    // extended every third of it while an item is held
};
extern const struct nj_option_group nj_work_queue_option_group; // group "queue"

struct nj_work_queue; // explicitly thread-safe unless said otherwise

struct nj_work_queue_config {
    const char *name;         // "detection_queue"; static
    const char *metric_label; // "detection": pipeline_queue_depth{queue="detection"}
    const char *order_member; // text of the payload that becomes the item's order_key; NULL: none
    struct nj_store *store;
    struct nj_loop *loop;
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;         // may be NULL
    struct nj_work_queue_options options;
    uint64_t seed; // of the jitter
};
// Reads the counts from the store, waiting for it: call it while starting. Loop thread.
int nj_work_queue_create(const struct nj_work_queue_config *config, struct nj_work_queue **out,
                         struct nj_error *err);
// Paused before, and no operation that uses the queue is under way but the queue's own; memory that
// these need goes when they have come back to the loop. Items still held come back to others when
// their leases end. Loop thread. Accepts NULL.
void nj_work_queue_destroy(struct nj_work_queue *queue);

struct nj_work_put {
    const char *payload;    // JSON object
    const char *unique_key; // NULL: none
    int priority;
};
// Explicitly thread-safe. An operation that puts something was just given to the store: an empty
// queue's claim then follows it there at once, and not only when the commit was heard of.
void nj_work_queue_expect(struct nj_work_queue *queue);

// Inside a write operation, together with whatever else must be one transaction. Wakes the consumer
// after the commit. A queue is full when `max_size` items are accepted and not done, those with the
// handler included; then the policy decides: NJ_E_FULL under reject, else the oldest that nobody
// holds goes (NJ_E_FULL when that would be the new one itself).
// NJ_E_EXISTS when the unique key waits already, NJ_E_TOO_BIG beyond NJ_WORK_PAYLOAD_MAX bytes.
int nj_work_queue_put(struct nj_work_queue *queue, struct nj_db *db, const struct nj_work_put *put,
                      struct nj_error *err);
// True when the next put would meet the policy; for makers that can wait instead. Counts what this
// and other operations put and have not committed yet.
bool nj_work_queue_is_full(struct nj_work_queue *queue);

// A claimed item, owned by the consumer until it calls exactly one of finish, fail or release.
struct nj_work_item {
    int64_t id, fence, attempts; // attempts: claims so far, this one included
    nj_us created_us;
    json_t *payload; // borrowed
};
// Called from: loop thread.
typedef void (*nj_work_handler)(struct nj_work_item *item, void *arg);

// Begins to claim: at most `capacity` items are with the handler at once; up to 16 more are claimed
// ahead, so that a freed place is filled without waiting for the store. Items whose payload is no
// JSON object become dead letters ("invalid") without reaching the handler. Loop thread.
//
// When the program dies, all that was claimed counts one claim more, whoever was to blame. So an
// item that was claimed more often than it may fail is claimed alone: the next time it is the one.
int nj_work_queue_start(struct nj_work_queue *queue, size_t capacity, nj_work_handler handler,
                        void *arg);
// No new claims, those claimed ahead are given back; items with the handler go on and keep their
// leases. start begins again. Loop thread.
void nj_work_queue_pause(struct nj_work_queue *queue);
// How many are with the handler. Loop thread.
size_t nj_work_queue_in_flight(const struct nj_work_queue *queue);
// Nothing is claimed, and nothing that is committed could be: what is left waits for a later time
// (the pause of a retry, the lease of a process that died), and is durable. False while the store
// refuses to say so; a queue that does not claim rests when it is empty. Loop thread.
bool nj_work_queue_rests(struct nj_work_queue *queue);

// Inside the write operation that stores the result: the item leaves the queue in the same
// transaction. NJ_E_CONFLICT: the lease was lost, roll everything back.
int nj_work_queue_complete(struct nj_work_queue *queue, struct nj_db *db,
                           const struct nj_work_item *item, struct nj_error *err);
// After that operation ended: frees the item. Loop thread. When the operation failed and the
// attempt shall count, call fail instead; after finish such an item comes back when its lease ends.
void nj_work_queue_finish(struct nj_work_queue *queue, struct nj_work_item *item);
// The attempt failed with `why`: retry later, or dead letter after max_attempts, or at once when
// `permanent`. Frees the item. Loop thread.
void nj_work_queue_fail(struct nj_work_queue *queue, struct nj_work_item *item, bool permanent,
                        const struct nj_error *why);
// Gives the claim back unspent (shutting down). Frees the item. Loop thread.
void nj_work_queue_release(struct nj_work_queue *queue, struct nj_work_item *item);
// Something the item has no part in is away (a service, room in the store): gives the claim back
// unspent, due again after `delay_us`. However often, the item does not become a dead letter by it.
// Frees the item. Loop thread.
void nj_work_queue_postpone(struct nj_work_queue *queue, struct nj_work_item *item, nj_us delay_us);

struct nj_work_queue_stats {
    int64_t waiting, in_flight, dead_failed, dead_overflow, max_size; // dead_failed: and invalid
    double fill_ratio;
    bool pressure, full; // at the threshold; at max_size
    uint64_t put, completed, failed, retried, dropped, rejected;
    nj_us oldest_wait_us;
    double per_minute; // completed in the last minute
};
// From memory, compared with the store every 30 s. Loop thread.
void nj_work_queue_get_stats(struct nj_work_queue *queue, struct nj_work_queue_stats *out);
const char *nj_work_queue_name(const struct nj_work_queue *queue);

// Inside a write operation: a job that was tried elsewhere, and failed there `attempts` times,
// becomes a dead letter of this queue ("failed"), from where it can be requeued like any other.
struct nj_work_failed {
    const char *payload; // JSON object
    const struct nj_error *why;
    int64_t attempts;
    nj_us first_failed_us; // wall
};
int nj_work_queue_put_letter(struct nj_work_queue *queue, struct nj_db *db,
                             const struct nj_work_failed *failed, struct nj_error *err);

// Dead letters, inside write operations. Requeue puts the original payload back with fresh attempts
// and deletes the letter; 0 means the oldest of any reason. NJ_E_NOT_FOUND (also when the letter is
// another queue's), NJ_E_FULL whatever the policy, NJ_E_EXISTS when the same job waits again.
int nj_work_queue_requeue(struct nj_work_queue *queue, struct nj_db *db, int64_t letter_id,
                          struct nj_error *err);
// Deletes this queue's letters; `reason` NULL: all.
int nj_work_queue_purge(struct nj_work_queue *queue, struct nj_db *db, const char *reason,
                        int64_t *out_deleted, struct nj_error *err);
#endif
