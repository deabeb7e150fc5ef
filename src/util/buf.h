// SPDX-License-Identifier: Apache-2.0
// Growing byte buffer with a limit. Errors stick: after a failure every append is ignored and
// nj_buf_failed says so, so that a writer checks once at its end.
#ifndef NJ_UTIL_BUF_H
#define NJ_UTIL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdarg.h>

struct nj_buf {
    char *data; // NUL-terminated when not NULL; the NUL is not counted
    size_t length;
    size_t capacity;
    size_t limit; // bytes
    int failed;   // 0, NJ_E_NOMEM or NJ_E_TOO_BIG
};

// In place; allocates nothing. `limit` in bytes.
void nj_buf_init(struct nj_buf *buf, size_t limit);
void nj_buf_finish(struct nj_buf *buf);

// Empties, keeps the memory, clears the failure.
void nj_buf_reset(struct nj_buf *buf);

void nj_buf_append(struct nj_buf *buf, const void *bytes, size_t length);
void nj_buf_append_text(struct nj_buf *buf, const char *text);
void nj_buf_append_char(struct nj_buf *buf, char c);
void nj_buf_printf(struct nj_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Room for `length` more bytes behind the content, to be filled by the caller and then counted with
// nj_buf_commit (at most as many). NULL when the buffer failed. Valid until the next call.
char *nj_buf_room(struct nj_buf *buf, size_t length);
void nj_buf_commit(struct nj_buf *buf, size_t length);

// Drops `count` bytes at the front.
void nj_buf_consume(struct nj_buf *buf, size_t count);

static inline int nj_buf_failed(const struct nj_buf *buf)
{
    return buf->failed;
}

// Hands the bytes to the caller (free()); the buffer is empty after. NULL when it failed.
char *nj_buf_take(struct nj_buf *buf, size_t *length);

#endif
