// SPDX-License-Identifier: Apache-2.0
// How far a long test is, told while it runs: what runs the tests shows a test's output only at its
// end.
#ifndef NJ_FAKE_PROGRESS_H
#define NJ_FAKE_PROGRESS_H

#include <stdint.h>

struct nj_progress {
    const char *what; // "source faults: round"
    uint64_t whole;   // 0: nothing is told
    int64_t begun_us, told_us;
};

// With the variable NJ_PROGRESS unset, nothing is told.
void nj_progress_begin(struct nj_progress *progress, const char *what, uint64_t whole);
// Appends "what done of whole, s" to the file that NJ_PROGRESS names: twice a minute, and when it
// is done.
void nj_progress_tell(struct nj_progress *progress, uint64_t done);

#endif
