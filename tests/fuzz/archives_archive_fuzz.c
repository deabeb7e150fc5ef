// SPDX-License-Identifier: Apache-2.0
// Any bytes as an archive: what is accepted has names that stay inside and sizes within the limits.
#include "archives/archive_priv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRY_MAX = 1 << 20, TOTAL_MAX = 4 << 20, ENTRIES_MAX = 32 };

static int count_bytes(void *context, const void *bytes, size_t length, struct nj_error *err)
{
    size_t *total = context;
    (void)bytes, (void)err;
    *total += length;
    if (*total > ENTRY_MAX)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nj_archive_options options = {.max_entry_bytes = ENTRY_MAX,
                                                      .max_unpacked_bytes = TOTAL_MAX,
                                                      .max_entries = ENTRIES_MAX,
                                                      .max_ratio = 100};
    struct nj_zip *zip = NULL;
    struct nj_error err = {0};
    const int rc = nj_zip_open_memory(&options, data, size, &zip, &err);
    if (rc != 0) {
        if (err.code != rc || err.text[0] == '\0')
            abort();
        return 0;
    }
    if (nj_zip_count(zip) > ENTRIES_MAX || nj_zip_bytes(zip) > TOTAL_MAX)
        abort();
    for (size_t i = 0; i < nj_zip_count(zip); i++) {
        size_t total = 0;
        if (nj_zip_wrong_name(nj_zip_name(zip, i)) != NULL)
            abort();
        nj_zip_read(zip, i, &(struct nj_zip_sink){count_bytes, &total}, &err);
    }
    nj_zip_close(zip);
    return 0;
}
