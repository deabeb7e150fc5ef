// SPDX-License-Identifier: Apache-2.0
// How far a long test is, in a file that somebody follows.
#include "tests/fake/progress.h"

#include "util/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVERY_US = 30 * NJ_US_PER_S };

void nj_progress_begin(struct nj_progress *progress, const char *what, uint64_t whole)
{
    int64_t now_us = nj_mono_us(nj_clock_real());
    *progress = (struct nj_progress){
        .what = what, .whole = getenv("NJ_PROGRESS") ? whole : 0, .begun_us = now_us};
    progress->told_us = now_us;
}

void nj_progress_tell(struct nj_progress *progress, uint64_t done)
{
    int64_t now_us = nj_mono_us(nj_clock_real());
    if (progress->whole == 0 || (now_us - progress->told_us < EVERY_US && done < progress->whole))
        return;
    progress->told_us = now_us;
    FILE *file = fopen(getenv("NJ_PROGRESS"), "ae");
    if (file == NULL)
        return; // the test itself does not need it
    (void)fprintf(file, "long: %s %llu of %llu, %lld s\n", progress->what, (unsigned long long)done,
                  (unsigned long long)progress->whole,
                  (long long)((now_us - progress->begun_us) / NJ_US_PER_S));
    (void)fclose(file);
}
