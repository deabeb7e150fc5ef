// SPDX-License-Identifier: Apache-2.0
// Where messages begin and end, and their fields.
#include "sources/rtsp_message_priv.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STATUS_DIGITS = 3 };

static const char answer_start[] = "RTSP/";

static int read_frame(const char *bytes, size_t length, struct nj_rtsp_message *out)
{
    const uint8_t *head = (const uint8_t *)bytes;
    if (length < NJ_RTSP_FRAME_HEAD)
        return 0;
    out->body_size = (size_t)head[2] << 8 | head[3];
    if (length < NJ_RTSP_FRAME_HEAD + out->body_size)
        return 0;
    out->kind = NJ_RTSP_FRAME;
    out->channel = head[1];
    out->body = bytes + NJ_RTSP_FRAME_HEAD;
    out->size = NJ_RTSP_FRAME_HEAD + out->body_size;
    return 0;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

// Up to the next byte that may begin a message.
static size_t stray(const char *bytes, size_t length)
{
    size_t count = 1;
    while (count < length && bytes[count] != '$' && !is_upper(bytes[count]))
        count++;
    return count;
}

static bool body_size_of(struct nj_rtsp_message *message)
{
    char text[24];
    int64_t size = 0;
    if (!nj_rtsp_message_field(message, "Content-Length", 0, text, sizeof text))
        return true;
    if (nj_text_to_int(text, &size) != 0 || size < 0 || size > NJ_RTSP_BODY_MAX)
        return false;
    message->body_size = (size_t)size;
    return true;
}

// Three digits behind the first blank; 0: none.
static int read_status(const struct nj_rtsp_message *message)
{
    const char *blank = memchr(message->head, ' ', message->head_size);
    int status = 0;
    if (!blank || blank + STATUS_DIGITS >= message->head + message->head_size)
        return 0;
    for (int i = 1; i <= STATUS_DIGITS; i++) {
        if (blank[i] < '0' || blank[i] > '9')
            return 0;
        status = status * 10 + (blank[i] - '0');
    }
    return status;
}

int nj_rtsp_message_read(const char *bytes, size_t length, struct nj_rtsp_message *out,
                         struct nj_error *err)
{
    *out = (struct nj_rtsp_message){.kind = NJ_RTSP_PARTIAL};
    if (length == 0)
        return 0;
    if (bytes[0] == '$')
        return read_frame(bytes, length, out);
    if (!is_upper(bytes[0])) {
        out->kind = NJ_RTSP_STRAY;
        out->size = stray(bytes, length);
        return 0;
    }
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end && length > NJ_RTSP_HEAD_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "the camera's answer has too long a head");
    if (!end)
        return 0;
    out->head = bytes;
    out->head_size = (size_t)(end - bytes) + 4;
    if (!body_size_of(out))
        return nj_error_set(err, NJ_E_CORRUPT, "the camera's answer has a wrong Content-Length");
    out->size = out->head_size + out->body_size;
    if (length < out->size)
        return 0;
    const size_t start = sizeof answer_start - 1;
    bool answer = out->head_size > start && memcmp(bytes, answer_start, start) == 0;
    out->kind = answer ? NJ_RTSP_ANSWER : NJ_RTSP_REQUEST;
    out->body = bytes + out->head_size;
    out->status = answer ? read_status(out) : 0;
    return 0;
}

static bool copy_value(const char *value, const char *end, char *out, size_t size)
{
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const size_t length = (size_t)(end - value);
    if (length >= size || memchr(value, '\0', length))
        return false;
    memcpy(out, value, length);
    out[length] = '\0';
    return true;
}

bool nj_rtsp_message_field(const struct nj_rtsp_message *message, const char *name, unsigned n,
                           char *out, size_t size)
{
    const char *at = message->head, *stop = message->head + message->head_size;
    const size_t length = strlen(name);
    out[0] = '\0';
    while (at < stop) {
        const char *end = memmem(at, (size_t)(stop - at), "\r\n", 2);
        if (!end || end == at)
            break;
        bool match =
            (size_t)(end - at) > length && at[length] == ':' && strncasecmp(at, name, length) == 0;
        if (match && n == 0)
            return copy_value(at + length + 1, end, out, size);
        n -= match;
        at = end + 2;
    }
    return false;
}
