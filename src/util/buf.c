// SPDX-License-Identifier: Apache-2.0
// Growing byte buffer with a limit and a sticky failure.
#include "util/buf.h"

#include "util/error.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NJ_BUF_FIRST_CAPACITY = 256 };

void nj_buf_init(struct nj_buf *buf, size_t limit)
{
    *buf = (struct nj_buf){.limit = limit < PTRDIFF_MAX ? limit : PTRDIFF_MAX - 1};
}

void nj_buf_finish(struct nj_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct nj_buf){.limit = buf->limit};
}

void nj_buf_reset(struct nj_buf *buf)
{
    buf->length = 0;
    buf->failed = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

char *nj_buf_room(struct nj_buf *buf, size_t length)
{
    if (buf->failed)
        return NULL;
    if (length > buf->limit - buf->length) {
        buf->failed = NJ_E_TOO_BIG;
        return NULL;
    }
    size_t needed = buf->length + length + 1;
    if (needed <= buf->capacity)
        return buf->data + buf->length;
    size_t grown = buf->capacity ? buf->capacity * 2 : NJ_BUF_FIRST_CAPACITY;
    if (grown > buf->limit + 1)
        grown = buf->limit + 1;
    if (grown < needed)
        grown = needed;
    char *moved = realloc(buf->data, grown);
    if (!moved) {
        buf->failed = NJ_E_NOMEM;
        return NULL;
    }
    buf->data = moved;
    buf->capacity = grown;
    buf->data[buf->length] = '\0';
    return buf->data + buf->length;
}

void nj_buf_commit(struct nj_buf *buf, size_t length)
{
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void nj_buf_append(struct nj_buf *buf, const void *bytes, size_t length)
{
    char *room = nj_buf_room(buf, length);
    if (!room)
        return;
    if (length)
        memcpy(room, bytes, length);
    nj_buf_commit(buf, length);
}

void nj_buf_append_text(struct nj_buf *buf, const char *text)
{
    if (text)
        nj_buf_append(buf, text, strlen(text));
}

void nj_buf_append_char(struct nj_buf *buf, char c)
{
    nj_buf_append(buf, &c, 1);
}

void nj_buf_printf(struct nj_buf *buf, const char *format, ...)
{
    if (buf->failed)
        return;
    size_t left = buf->capacity - buf->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(left ? buf->data + buf->length : NULL, left, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buf->failed = NJ_E_NOMEM;
    } else if ((size_t)length >= left) {
        if (left)
            buf->data[buf->length] = '\0';
        char *room = nj_buf_room(buf, (size_t)length);
        if (!room)
            return;
        va_start(arguments, format);
        vsnprintf(room, (size_t)length + 1, format, arguments);
        va_end(arguments);
        buf->length += (size_t)length;
    } else {
        buf->length += (size_t)length;
    }
}

void nj_buf_consume(struct nj_buf *buf, size_t count)
{
    if (count > buf->length)
        count = buf->length;
    if (!count)
        return;
    buf->length -= count;
    memmove(buf->data, buf->data + count, buf->length + 1);
}

char *nj_buf_take(struct nj_buf *buf, size_t *length)
{
    if (buf->failed || !nj_buf_room(buf, 0))
        return NULL;
    char *data = buf->data;
    if (length)
        *length = buf->length;
    *buf = (struct nj_buf){.limit = buf->limit};
    return data;
}
