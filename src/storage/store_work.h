// SPDX-License-Identifier: Apache-2.0
// Tables work_items and dead_letters: the rows under the claim-lease-fence engine of jobs/.
#ifndef NJ_STORAGE_STORE_WORK_H
#define NJ_STORAGE_STORE_WORK_H

#include "storage/store.h"

enum {
    NJ_QUEUE_NAME_SIZE = 48,
    NJ_UNIQUE_KEY_SIZE = 129,
    NJ_ORDER_KEY_SIZE = 129,
    NJ_WORK_PAYLOAD_MAX = 256 * 1024
};

struct nj_work_row {
    int64_t id;
    char queue[NJ_QUEUE_NAME_SIZE];
    char *payload;                       // JSON; malloc'd by the store, borrowed by nj_work_insert
    char unique_key[NJ_UNIQUE_KEY_SIZE]; // "" none; else at most one live item of the queue has it
    char order_key[NJ_ORDER_KEY_SIZE];   // "" none; for nj_work_insert, a claim does not read it
    int priority;                        // higher first
    int64_t attempts;                    // started so far, this one included when claimed
    int64_t fence;                       // token of the newest claim
    nj_us not_before_us, created_us, lease_until_us; // wall of the store; insert: created 0 is now
    nj_us first_failed_us;                           // 0: never
    char *history;                                   // JSON array of failures; malloc'd, or NULL
};
void nj_work_row_finish(struct nj_work_row *row);

// *out_id may be NULL. NJ_E_EXISTS: unique_key is there. NJ_E_TOO_BIG: the payload.
int nj_work_insert(struct nj_db *db, const struct nj_work_row *row, int64_t *out_id,
                   struct nj_error *err);
struct nj_work_wish {
    const char *queue;
    nj_us lease_us;
    size_t limit;
    // An item that was claimed so often already is claimed alone; when `others` are held, the items
    // before it are, at most. 0: none is.
    int64_t alone_from;
    bool others;
};
// Claims up to `limit` items that are due: highest priority, then oldest. Expired leases count as
// due. out[i] are filled and owned by the caller; *out_count says how many.
int nj_work_claim(struct nj_db *db, const struct nj_work_wish *wish, struct nj_work_row *out,
                  size_t *out_count, struct nj_error *err);
// The next four: NJ_E_CONFLICT when the fence is not the newest one or the item is gone.
int nj_work_extend(struct nj_db *db, int64_t id, int64_t fence, nj_us lease_us,
                   struct nj_error *err);
int nj_work_delete(struct nj_db *db, int64_t id, int64_t fence, struct nj_error *err);
int nj_work_retry(struct nj_db *db, const struct nj_work_row *row, nj_us delay_us,
                  struct nj_error *err); // writes history, frees the claim
int nj_work_release(struct nj_db *db, int64_t id, int64_t fence,
                    struct nj_error *err); // gives a claim back unspent (shutdown)
// Gives a claim back unspent, due again after `delay_us`.
int nj_work_postpone(struct nj_db *db, int64_t id, int64_t fence, nj_us delay_us,
                     struct nj_error *err);
// Takes the oldest unclaimed item out, whatever its priority and time (overflow). NJ_E_NOT_FOUND.
int nj_work_take_oldest(struct nj_db *db, const char *queue, struct nj_work_row *out,
                        struct nj_error *err);
struct nj_work_tally {
    int64_t waiting, claimed; // an expired lease counts as claimed until somebody claims it anew
    nj_us oldest_us;          // created_us of the oldest waiting item; 0: none waits
};
int nj_work_counts(struct nj_db *db, const char *queue, struct nj_work_tally *out,
                   struct nj_error *err);
// When the next waiting or leased item becomes due (wall); 0: none.
int nj_work_next_due(struct nj_db *db, const char *queue, nj_us *out, struct nj_error *err);
// What would be due only after `farthest_us` from now, as after a clock that was set back, is due
// now.
int nj_work_pull_in(struct nj_db *db, const char *queue, nj_us farthest_us, struct nj_error *err);

struct nj_work_order {
    const char *queue;
    const char *key; // order_key: who has the same is of one order
    int64_t id;
};
// When the oldest item of this order that came before `id` is due (wall): it waits for its next
// try, or somebody holds it. NJ_E_NOT_FOUND: none came before, or all of them ended.
int nj_work_earlier_due(struct nj_db *db, const struct nj_work_order *order, nj_us *out,
                        struct nj_error *err);

struct nj_letter_row {
    int64_t id;
    char queue[NJ_QUEUE_NAME_SIZE]; // where the job came from
    char reason[32];                // "failed", "overflow", "invalid"
    char *payload, *history;        // malloc'd
    char error[512], error_type[48];
    int64_t attempts;
    nj_us first_failed_us, last_failed_us, created_us;
};
void nj_letter_row_finish(struct nj_letter_row *row);

int nj_letters_insert(struct nj_db *db, const struct nj_letter_row *row, int64_t *out_id,
                      struct nj_error *err); // out_id may be NULL
struct nj_letter_filter {
    const char *queue;
    const char *reason; // NULL: any
    size_t start, limit;
};
struct nj_letter_page {
    struct nj_letter_row *rows; // malloc'd, NULL when there are none
    size_t count;
    int64_t total; // of the filter, whatever start and limit
};
int nj_letters_list(struct nj_db *db, const struct nj_letter_filter *filter,
                    struct nj_letter_page *out, struct nj_error *err); // oldest first
void nj_letter_page_finish(struct nj_letter_page *page);
int nj_letters_get(struct nj_db *db, int64_t id, struct nj_letter_row *out, struct nj_error *err);
int nj_letters_delete(struct nj_db *db, int64_t id, struct nj_error *err);
// reason NULL: any.
int nj_letters_purge(struct nj_db *db, const char *queue, const char *reason, int64_t *out_deleted,
                     struct nj_error *err);
// "overflow", and every other reason.
int nj_letters_counts(struct nj_db *db, const char *queue, int64_t *out_failed,
                      int64_t *out_overflow, struct nj_error *err);

#endif
