// SPDX-License-Identifier: Apache-2.0
// Lines and parameters of a description.
#include "sources/rtp_description_priv.h"

#include "util/text.h"

#include <libavutil/base64.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    USUAL_CLOCK = 90000,
    CLOCK_MAX = 100 * 1000 * 1000,
    TYPE_MAX = 127,
    SET_TEXT_MAX = 8 * 1024, // of one parameter set; real ones have a hundred bytes
    NUMBER_SIZE = 32,
    VALUE_MAX = 32767, // of a parameter that is a number (RFC 7798, 7.1)
    INTERLEAVED = 2,   // packetization-mode
    RATE_MAX = 1000,   // pictures a second
};

static const nj_us interval_most_us = 60 * (nj_us)NJ_US_PER_S;

struct span {
    const char *at;
    size_t length;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span trim(struct span span)
{
    while (span.length > 0 && is_blank(*span.at)) {
        span.at++;
        span.length--;
    }
    while (span.length > 0 && is_blank(span.at[span.length - 1]))
        span.length--;
    return span;
}

// Takes what stands before the first of `ends` from the rest, and that one with it.
static struct span cut(struct span *rest, const char *ends)
{
    struct span part = {rest->at, 0};
    while (part.length < rest->length && !strchr(ends, rest->at[part.length]))
        part.length++;
    const size_t taken = part.length + (part.length < rest->length);
    rest->at += taken;
    rest->length -= taken;
    return part;
}

static bool starts(struct span *line, const char *with)
{
    const size_t length = strlen(with);
    if (line->length < length || strncasecmp(line->at, with, length) != 0)
        return false;
    *line = trim((struct span){line->at + length, line->length - length});
    return true;
}

static bool copy(struct span span, char *out, size_t size)
{
    if (span.length >= size)
        return false;
    memcpy(out, span.at, span.length);
    out[span.length] = '\0';
    return true;
}

static int to_number(struct span span, int most)
{
    char text[NUMBER_SIZE];
    int64_t number = 0;
    if (!copy(trim(span), text, sizeof text) || nj_text_to_int(text, &number) != 0 || number < 0 ||
        number > most)
        return -1;
    return (int)number;
}

// The value of the next line "a=NAME:TYPE ..." of the payload; what follows it is left in `rest`.
static bool find_line(struct span *rest, const char *start, int type, struct span *out)
{
    while (rest->length > 0) {
        struct span line = cut(rest, "\r\n");
        if (!starts(&line, start) || to_number(cut(&line, " \t"), TYPE_MAX) != type)
            continue;
        *out = trim(line);
        return true;
    }
    return false;
}

static bool find_parameter(const char *text, int type, const char *name, struct span *out)
{
    struct span line, rest = {text, strlen(text)};
    while (find_line(&rest, "a=fmtp:", type, &line))
        while (line.length > 0) {
            struct span value = trim(cut(&line, ";"));
            const struct span key = trim(cut(&value, "="));
            if (key.length == strlen(name) && strncasecmp(key.at, name, key.length) == 0) {
                *out = trim(value);
                return true;
            }
        }
    return false;
}

static int number_of(const char *text, int type, const char *name)
{
    struct span value;
    return find_parameter(text, type, name, &value) ? to_number(value, VALUE_MAX) : 0;
}

// "m=video 0 RTP/AVP 96 97": the first one is what comes.
static int read_type(const char *text)
{
    struct span rest = {text, strlen(text)};
    while (rest.length > 0) {
        struct span line = cut(&rest, "\r\n");
        if (!starts(&line, "m=video "))
            continue;
        for (int i = 0; i < 2; i++) { // port and transport
            line = trim(line);
            (void)cut(&line, " \t");
        }
        line = trim(line);
        return to_number(cut(&line, " \t"), TYPE_MAX);
    }
    return -1;
}

static nj_us read_interval(const char *text)
{
    struct span rest = {text, strlen(text)};
    char number[NUMBER_SIZE];
    double rate = 0;
    while (rest.length > 0) {
        struct span line = cut(&rest, "\r\n");
        if (!starts(&line, "a=framerate:") && !starts(&line, "a=x-framerate:"))
            continue;
        if (copy(line, number, sizeof number) && nj_text_to_double(number, &rate) == 0 &&
            rate > 0 && rate <= RATE_MAX && NJ_US_PER_S / rate <= (double)interval_most_us)
            return (nj_us)(NJ_US_PER_S / rate);
    }
    return 0;
}

// "H264/90000"
static void read_map(struct span map, struct nj_rtp_description *out)
{
    char shown[NJ_RTP_NAME_SIZE];
    copy((struct span){map.at, map.length < sizeof shown ? map.length : sizeof shown - 1}, shown,
         sizeof shown);
    nj_text_printable(out->name, sizeof out->name, shown);
    const struct span name = trim(cut(&map, "/"));
    const int clock = to_number(cut(&map, "/"), CLOCK_MAX);
    out->clock = clock > 0 ? clock : USUAL_CLOCK;
    if (name.length == 4 && strncasecmp(name.at, "H264", 4) == 0)
        out->codec = &nj_nal_h264;
    else if (name.length == 4 && strncasecmp(name.at, "H265", 4) == 0)
        out->codec = &nj_nal_h265;
}

void nj_rtp_description_read(const char *text, struct nj_rtp_description *out)
{
    struct span map, rest = {text, strlen(text)};
    *out = (struct nj_rtp_description){
        .type = read_type(text), .clock = USUAL_CLOCK, .interval_us = read_interval(text)};
    if (out->type < 0)
        (void)snprintf(out->name, sizeof out->name, "no payload type");
    else if (find_line(&rest, "a=rtpmap:", out->type, &map))
        read_map(map, out);
    else
        (void)snprintf(out->name, sizeof out->name, "payload type %d", out->type);
    out->interleaved = out->codec == &nj_nal_h264 &&
                       number_of(text, out->type, "packetization-mode") == INTERLEAVED;
    if (out->codec == &nj_nal_h265 && number_of(text, out->type, "sprop-max-don-diff") != 0)
        out->codec = NULL; // its packets are numbered otherwise; the library knows them
}

static void add_sets(struct span list, const struct nj_nal_codec *codec, struct nj_buf *out)
{
    static const char start_code[] = {0, 0, 0, 1};
    char text[SET_TEXT_MAX];
    uint8_t set[AV_BASE64_DECODE_SIZE(SET_TEXT_MAX)];
    while (list.length > 0) {
        const struct span one = trim(cut(&list, ","));
        int size = copy(one, text, sizeof text) ? av_base64_decode(set, text, sizeof set) : -1;
        if (size < 0 || !codec->is_set(set, (size_t)size))
            continue;
        nj_buf_append(out, start_code, sizeof start_code);
        nj_buf_append(out, set, (size_t)size);
    }
}

void nj_rtp_description_sets(const char *text, const struct nj_rtp_description *description,
                             struct nj_buf *out)
{
    // In the order in which they refer to each other.
    static const char *const names[] = {"sprop-vps", "sprop-sps", "sprop-pps",
                                        "sprop-parameter-sets"};
    struct span value;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (find_parameter(text, description->type, names[i], &value))
            add_sets(value, description->codec, out);
}
