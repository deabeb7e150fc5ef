// SPDX-License-Identifier: Apache-2.0
// Any bytes: the reader refuses or accepts without a fault, and the writer makes JSON of them.
#include "util/json_reader.h"
#include "util/json_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT_BYTES = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    struct nj_error err = {0};
    int rc = nj_json_parse((const char *)data, size, LIMIT_BYTES, &value, &err);
    if ((rc == 0) != (value != NULL) || (rc != 0) != (err.code != 0))
        abort();
    json_decref(value);
    if (size > LIMIT_BYTES / 8)
        return 0;

    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, LIMIT_BYTES);
    nj_json_init(&writer, &buf);
    nj_json_array_begin(&writer, NULL);
    nj_json_text_n(&writer, NULL, (const char *)data, size);
    nj_json_array_end(&writer);
    value = json_loadb(buf.data, buf.length, JSON_ALLOW_NUL, NULL);
    if (!value)
        abort();
    json_decref(value);
    nj_buf_finish(&buf);
    return 0;
}
