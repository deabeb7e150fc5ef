// SPDX-License-Identifier: Apache-2.0
// What a job's failures look like: the history kept with a waiting item and the record in a letter.
#ifndef NJ_JOBS_DEAD_LETTER_H
#define NJ_JOBS_DEAD_LETTER_H

#include "storage/store_work.h"
#include "util/json_writer.h"

struct nj_failure {
    int64_t attempt;
    nj_us failed_us; // wall
    nj_us delay_us;  // until the next try; 0: there is none
    const char *error, *error_type;
};

// How many failures `history` (the JSON array of nj_work_row, may be NULL) tells of. A damaged
// history counts as none.
size_t nj_failures_count(const char *history);
// `history` with `failure` at its end; malloc'd, NULL without memory. A damaged one starts afresh.
char *nj_failures_append(const char *history, const struct nj_failure *failure);

// What a letter keeps beside its columns.
struct nj_letter_context {
    const char *failures;   // the item's history, or NULL
    const char *unique_key; // "" none
    const char *label;      // "detection": context {"detection_queue_depth": ...}
    int64_t depth, in_flight;
};
// The letter's `history`: a JSON object; malloc'd, NULL without memory.
char *nj_letter_history(const struct nj_letter_context *context);
// The unique key a letter's history names, "" when none.
void nj_letter_unique_key(const char *history, char out[NJ_UNIQUE_KEY_SIZE]);

// The failure record for the API: {id, queue_name, reason, original_job, error, error_type,
// attempt_count, first_failed_at, last_failed_at, created_at, retry_delays (seconds), failures,
// context}. `key` as in the writer. original_job is a text when the payload is no JSON.
void nj_letter_write(const struct nj_letter_row *row, struct nj_json_writer *writer,
                     const char *key);

#endif
