// SPDX-License-Identifier: Apache-2.0
// Where messages begin and end, and their fields.
#include "sources/rtsp_message_priv.h"

#include "util/text.h"

#include <string.h>
#include <strings.h>

enum { STATUS_DIGITS = 3 };

static const char answer_start[] = "RTSP/";
static const char http_start[] = "HTTP/";
// What a camera may ask of us (RFC 2326, 10). Other words are bytes that went astray.
static const char *const methods[] = {
    "OPTIONS ",  "GET_PARAMETER ", "SET_PARAMETER ", "ANNOUNCE ",
    "REDIRECT ", "PAUSE ",         "TEARDOWN ",      NULL,
};

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

// The bytes begin with the word, as far as they go.
static bool may_begin(const char *bytes, size_t length, const char *word)
{
    const size_t size = strlen(word);
    return memcmp(bytes, word, length < size ? length : size) == 0;
}

static bool begins_message(const char *bytes, size_t length)
{
    bool begins = bytes[0] == '$' || may_begin(bytes, length, answer_start);
    for (size_t i = 0; !begins && methods[i]; i++)
        begins = may_begin(bytes, length, methods[i]);
    return begins;
}

// Up to the next byte that may begin a message.
static size_t stray(const char *bytes, size_t length)
{
    size_t count = 1;
    while (count < length && !begins_message(bytes + count, length - count))
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

// Behind the empty line; NULL: it is not there yet. Some cameras end lines with LF alone.
static const char *head_end(const char *bytes, size_t length)
{
    const char *stop = bytes + length, *at = memchr(bytes, '\n', length);
    while (at) {
        const char *next = at + 1 + (stop - at > 1 && at[1] == '\r');
        if (next < stop && *next == '\n')
            return next + 1;
        at = memchr(at + 1, '\n', (size_t)(stop - at - 1));
    }
    return NULL;
}

// An answer or a request, which may not be whole yet.
static int read_text(const char *bytes, size_t length, struct nj_rtsp_message *out,
                     struct nj_error *err)
{
    const char *end = head_end(bytes, length);
    if (!end && length > NJ_RTSP_HEAD_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "the camera's answer has too long a head");
    if (!end)
        return 0;
    out->head = bytes;
    out->head_size = (size_t)(end - bytes);
    if (!body_size_of(out))
        return nj_error_set(err, NJ_E_CORRUPT, "the camera's answer has a wrong Content-Length");
    out->size = out->head_size + out->body_size;
    if (length < out->size)
        return 0;
    bool answer = may_begin(bytes, out->head_size, answer_start);
    out->kind = answer ? NJ_RTSP_ANSWER : NJ_RTSP_REQUEST;
    out->body = bytes + out->head_size;
    out->status = answer ? read_status(out) : 0;
    return 0;
}

int nj_rtsp_message_read(const char *bytes, size_t length, struct nj_rtsp_message *out,
                         struct nj_error *err)
{
    *out = (struct nj_rtsp_message){.kind = NJ_RTSP_PARTIAL};
    if (length == 0)
        return 0;
    if (bytes[0] == '$')
        return read_frame(bytes, length, out);
    if (length >= sizeof http_start - 1 && may_begin(bytes, length, http_start))
        return nj_error_set(err, NJ_E_CORRUPT, "it speaks HTTP and not RTSP");
    if (begins_message(bytes, length))
        return read_text(bytes, length, out, err);
    out->kind = NJ_RTSP_STRAY;
    out->size = stray(bytes, length);
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
        const char *line = memchr(at, '\n', (size_t)(stop - at));
        const char *end = line && line > at && line[-1] == '\r' ? line - 1 : line;
        if (!end || end == at)
            break;
        bool match =
            (size_t)(end - at) > length && at[length] == ':' && strncasecmp(at, name, length) == 0;
        if (match && n == 0)
            return copy_value(at + length + 1, end, out, size);
        n -= match;
        at = line + 1;
    }
    return false;
}
