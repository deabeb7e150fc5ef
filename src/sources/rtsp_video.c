// SPDX-License-Identifier: Apache-2.0
// The video of a description: its lines are given on under a head of our own, so that nothing else
// a camera writes reaches a library.
#include "sources/rtsp_video_priv.h"

#include "util/buf.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DESCRIPTION_MAX = 64 * 1024 };

static const char own_head[] = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\n"
                               "t=0 0\r\n";
static const char control_start[] = "a=control:";

struct reading {
    const char *base;
    struct nj_rtsp_video *out;
    struct nj_buf lines;
    bool in_media, in_video, seen_video;
    bool cut; // an address that does not fit
};

// RFC 2326, C.1.1: "*" is the base itself.
static bool resolve(const char *base, const char *control, size_t length, char out[NJ_URL_MAX])
{
    char text[NJ_URL_MAX];
    if (length >= sizeof text)
        return false;
    memcpy(text, control, length);
    text[length] = '\0';
    if (strcmp(text, "*") == 0 || length == 0)
        return nj_text_copy(out, NJ_URL_MAX, base);
    if (strncasecmp(text, "rtsp://", 7) == 0 || strncasecmp(text, "rtsps://", 8) == 0)
        return nj_text_copy(out, NJ_URL_MAX, text);
    const size_t base_length = strlen(base);
    bool slash = base_length > 0 && base[base_length - 1] == '/';
    int written = snprintf(out, NJ_URL_MAX, "%s%s%s", base, slash || text[0] == '/' ? "" : "/",
                           text + (slash && text[0] == '/'));
    return written > 0 && written < NJ_URL_MAX;
}

static bool begins(const char *line, size_t length, const char *start)
{
    const size_t count = strlen(start);
    return length >= count && memcmp(line, start, count) == 0;
}

static void take_control(struct reading *reading, const char *control, size_t length)
{
    char *out = reading->in_video ? reading->out->control : reading->out->whole;
    if (reading->in_video || !reading->in_media) // else of media that nobody asks for
        reading->cut = !resolve(reading->base, control, length, out) || reading->cut;
}

static void take_line(struct reading *reading, const char *line, size_t length)
{
    const size_t control = sizeof control_start - 1;
    if (begins(line, length, "m=")) {
        reading->in_media = true;
        reading->in_video = !reading->seen_video && begins(line, length, "m=video ");
        reading->seen_video = reading->seen_video || reading->in_video;
    }
    if (begins(line, length, control_start)) {
        take_control(reading, line + control, length - control);
    } else if (reading->in_video) {
        nj_buf_append(&reading->lines, line, length);
        nj_buf_append_text(&reading->lines, "\r\n");
    }
}

int nj_rtsp_video_read(const char *sdp, size_t length, const char *base, struct nj_rtsp_video *out,
                       struct nj_error *err)
{
    struct nj_rtsp_video video = {.description = NULL};
    struct reading reading = {.base = base, .out = &video};
    const char *at = sdp, *stop = sdp + length;
    nj_buf_init(&reading.lines, DESCRIPTION_MAX);
    nj_buf_append_text(&reading.lines, own_head);
    if (!nj_text_copy(video.control, sizeof video.control, base) ||
        !nj_text_copy(video.whole, sizeof video.whole, base))
        reading.cut = true;
    while (at < stop) {
        size_t line = 0; // ends with CR, LF or both: what a library might take for an end is one
        while (at + line < stop && at[line] != '\n' && at[line] != '\r')
            line++;
        if (line > 0)
            take_line(&reading, at, line);
        at += line + (at + line < stop);
    }
    int rc = nj_buf_failed(&reading.lines);
    if (rc != 0)
        nj_error_set(err, rc, "the camera describes its video with too many words");
    else if (reading.cut)
        rc = nj_error_set(err, NJ_E_TOO_BIG, "the camera's addresses are too long");
    else if (!reading.seen_video)
        rc = nj_error_set(err, NJ_E_UNSUPPORTED, "the camera describes no video");
    if (rc == 0) {
        video.description = nj_buf_take(&reading.lines, NULL);
        *out = video;
    }
    nj_buf_finish(&reading.lines);
    return rc;
}
