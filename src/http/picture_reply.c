// SPDX-License-Identifier: Apache-2.0
// Pictures of detections and of live frames as answers, made beside the loop.
#include "frames/picture.h"
#include "frames/straighten.h"
#include "frames/video.h"
#include "http/http_priv.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    THUMBNAIL_WIDTH = 320, // what existing pages show
    THUMBNAIL_HEIGHT = 240,
    THUMBNAIL_QUALITY = 80,
    PICTURE_QUALITY = 88,
    KEY_SIZE = 160,
    NAME_SIZE = 512,
};

static const char picture_cache[] = "private, max-age=60";
static const char newest_cache[] = "no-cache"; // asked for each time, and mostly answered with 304

struct picture_work {
    struct nj_api_work work;
    const struct nj_api_context *context;
    struct nj_detection_row row;     // of a detection's picture
    struct nj_detection_row instead; // no path: nothing else
    bool thumbnail;
    struct nj_frame *frame; // of a live picture
    struct nj_rect crop;
    struct nj_picture_encode wish;
    char key[KEY_SIZE]; // in the cache; "": not kept
    char etag[NJ_ETAG_SIZE];
    const char *type, *cache;
    void *bytes;
    size_t length;
};

static struct picture_work *work_of(struct nj_api_work *work)
{
    return NJ_CONTAINER_OF(work, struct picture_work, work);
}

static int encode(struct picture_work *self, const struct nj_frame *frame)
{
    struct nj_picture_encode wish = self->wish;
    if (wish.quality == 0)
        wish.quality = PICTURE_QUALITY;
    if (self->thumbnail)
        wish = (struct nj_picture_encode){.quality = THUMBNAIL_QUALITY,
                                          .max_width = THUMBNAIL_WIDTH,
                                          .max_height = THUMBNAIL_HEIGHT};
    self->type = "image/jpeg";
    return nj_picture_encode_jpeg(frame, &wish, &self->bytes, &self->length, &self->work.error);
}

static int read_all(int fd, size_t length, char **out)
{
    char *bytes = malloc(length + 1);
    size_t done = 0;
    if (bytes == NULL)
        return NJ_E_NOMEM;
    while (done < length) {
        ssize_t count = read(fd, bytes + done, length - done);
        if (count <= 0) {
            free(bytes);
            return NJ_E_IO;
        }
        done += (size_t)count;
    }
    *out = bytes;
    return 0;
}

static int decode_and_encode(struct picture_work *self, const void *bytes, size_t length)
{
    struct nj_picture_decoder *decoder = NULL;
    struct nj_frame *frame = NULL;
    struct nj_picture_request request = {
        .bytes = bytes,
        .length = length,
        .limits = &self->context->picture_limits,
        .least_width = THUMBNAIL_WIDTH,
        .least_height = THUMBNAIL_HEIGHT,
    };
    int rc = nj_picture_decoder_create(&decoder);
    if (rc == 0)
        rc = nj_picture_decode(decoder, &request, &frame, &self->work.error);
    if (rc == 0)
        rc = encode(self, frame);
    nj_frame_unref(frame);
    nj_picture_decoder_destroy(decoder);
    return rc;
}

// A picture as it is (only when it really is one), or its thumbnail.
static int from_picture(struct picture_work *self, int fd, size_t length)
{
    struct nj_picture_info info;
    char *bytes = NULL;
    if ((int64_t)length > self->context->picture_limits.max_bytes)
        return nj_error_set(&self->work.error, NJ_E_TOO_BIG, "the picture is too large");
    int rc = read_all(fd, length, &bytes);
    if (rc != 0)
        return rc;
    rc = nj_picture_probe(bytes, length, &self->context->picture_limits, &info, &self->work.error);
    if (rc == 0 && self->thumbnail) {
        rc = decode_and_encode(self, bytes, length);
    } else if (rc == 0) {
        self->type = info.mime;
        self->bytes = bytes;
        self->length = length;
        return 0;
    }
    free(bytes);
    return rc;
}

static int from_video(struct picture_work *self, int fd)
{
    struct nj_video *video = NULL;
    struct nj_video_info info;
    struct nj_frame *frame = NULL;
    char path[64];
    nj_us shown_us;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd); // the checked file, whatever its name
    int rc = nj_video_open(path, NULL, &video, &info, &self->work.error);
    if (rc != 0)
        return rc;
    rc = nj_video_at(video, self->row.video_offset_ms * NJ_US_PER_MS, &frame, &shown_us,
                     &self->work.error);
    if (rc == 0)
        rc = encode(self, frame);
    nj_frame_unref(frame);
    nj_video_close(video);
    return rc;
}

static int from_row(struct picture_work *self)
{
    struct stat file;
    int fd = -1;
    int rc = nj_picture_file_open(self->context, self->row.file_path, &fd, &self->work.error);
    if (rc != 0)
        return rc;
    if (fstat(fd, &file) != 0) {
        rc = NJ_E_IO;
    } else {
        snprintf(self->etag, sizeof self->etag, "\"%" PRId64 "-%llx-%llx-%llx%08lx-%" PRId64 "%s\"",
                 self->row.id, (unsigned long long)file.st_ino, (unsigned long long)file.st_size,
                 (unsigned long long)file.st_mtim.tv_sec, (unsigned long)file.st_mtim.tv_nsec,
                 self->row.video_offset_ms, self->thumbnail ? "-t" : "");
        rc = strcmp(self->row.media_type, "video") == 0
                 ? from_video(self, fd)
                 : from_picture(self, fd, (size_t)file.st_size);
    }
    close(fd);
    return rc;
}

static void run_detection(struct nj_api_work *work)
{
    struct picture_work *self = work_of(work);
    work->rc = from_row(self);
    if (work->rc == 0 || self->instead.file_path[0] == '\0')
        return;
    self->row = self->instead;
    work->rc = from_row(self);
}

static void run_frame(struct nj_api_work *work)
{
    struct picture_work *self = work_of(work);
    struct nj_frame *part = NULL;
    work->rc =
        self->crop.w > 0 ? nj_frame_crop(self->frame, &self->crop, 0, 0, &part, &work->error) : 0;
    if (work->rc == 0)
        work->rc = encode(self, part != NULL ? part : self->frame);
    nj_frame_unref(part);
}

static void reply_work(struct nj_api_work *work)
{
    struct picture_work *self = work_of(work);
    if (self->key[0] != '\0')
        nj_lru_put(work->exchange->api->pictures, self->key, self->bytes, self->length, 0);
    void *bytes = self->bytes;
    self->bytes = NULL;
    nj_exchange_bytes(work->exchange, bytes, self->length,
                      &(struct nj_answer_options){
                          .type = self->type,
                          .etag = self->etag,
                          .cache = self->cache,
                      });
}

static void finish_work(struct nj_api_work *work)
{
    struct picture_work *self = work_of(work);
    nj_frame_unref(self->frame);
    free(self->bytes);
}

// Answers from the cache; false when it is not there.
static bool reply_cached(struct nj_exchange *exchange, const char *key,
                         const struct nj_answer_options *options)
{
    size_t length;
    const void *kept = nj_lru_get(exchange->api->pictures, key, 0, &length);
    void *copy = kept != NULL ? malloc(length) : NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, kept, length);
    nj_exchange_bytes(exchange, copy, length, options);
    return true;
}

// Names what the picture was made of: a live track's row gets better pictures, with other paths.
static int detection_key(const struct nj_detection_row *row, char key[KEY_SIZE])
{
    char digest[NJ_SHA256_HEX_SIZE];
    int rc = nj_sha256_hex(row->file_path, strlen(row->file_path), digest);
    snprintf(key, KEY_SIZE, "d%" PRId64 "-%.16s-%" PRId64, row->id, digest, row->video_offset_ms);
    return rc;
}

void nj_picture_reply(struct nj_exchange *exchange, const struct nj_picture_want *want)
{
    const struct nj_detection_row *row = want->detection;
    char key[KEY_SIZE] = "", etag[NJ_ETAG_SIZE];
    if (row->file_path[0] == '\0') {
        nj_exchange_problem(exchange, 404, "no picture was kept of this detection");
        return;
    }
    if (want->thumbnail && detection_key(row, key) != 0)
        key[0] = '\0';
    snprintf(etag, sizeof etag, "\"%.100s\"", key);
    if (key[0] != '\0' &&
        reply_cached(exchange, key,
                     &(struct nj_answer_options){
                         .type = "image/jpeg", .etag = etag, .cache = picture_cache}))
        return;
    struct picture_work *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->work =
            (struct nj_api_work){.run = run_detection, .reply = reply_work, .finish = finish_work};
        self->context = exchange->api->context;
        self->row = *row;
        if (want->instead != NULL)
            self->instead = *want->instead;
        self->cache = want->newest ? newest_cache : picture_cache;
        self->thumbnail = want->thumbnail;
        memcpy(self->key, key, sizeof key);
    }
    nj_api_work_start(exchange, self != NULL ? &self->work : NULL);
}

// Names the picture and what is asked of it. Its time as well: a stream that began anew counts
// anew.
static void frame_key(const struct nj_frame_want *want, char key[KEY_SIZE])
{
    char name[NAME_SIZE], digest[NJ_SHA256_HEX_SIZE];
    const struct nj_rect *crop = &want->crop;
    int length = snprintf(
        name, sizeof name, "%s-%" PRIu64 "-%lld-%" PRId32 "x%" PRId32 "-%d-%.0f,%.0f,%.0f,%.0f",
        want->camera_id, want->frame->sequence, (long long)want->frame->captured_mono_us,
        want->max_width, want->max_height, want->quality, (double)crop->x, (double)crop->y,
        (double)crop->w, (double)crop->h);
    const size_t used = (size_t)length < sizeof name ? (size_t)length : sizeof name - 1;
    if (nj_sha256_hex(name, used, digest) != 0)
        digest[0] = '\0';
    snprintf(key, KEY_SIZE, "c%s", digest);
}

void nj_frame_reply(struct nj_exchange *exchange, const struct nj_frame_want *want)
{
    char key[KEY_SIZE], etag[NJ_ETAG_SIZE];
    frame_key(want, key);
    snprintf(etag, sizeof etag, "\"%.100s\"", key);
    if (reply_cached(exchange, key,
                     &(struct nj_answer_options){
                         .type = "image/jpeg", .etag = etag, .cache = newest_cache})) {
        nj_frame_unref(want->frame);
        return;
    }
    struct picture_work *self = calloc(1, sizeof *self);
    if (self == NULL) {
        nj_frame_unref(want->frame);
    } else {
        self->work =
            (struct nj_api_work){.run = run_frame, .reply = reply_work, .finish = finish_work};
        self->cache = newest_cache;
        self->frame = want->frame;
        self->crop = want->crop;
        self->wish = (struct nj_picture_encode){
            .quality = want->quality, .max_width = want->max_width, .max_height = want->max_height};
        memcpy(self->key, key, sizeof key);
        memcpy(self->etag, etag, sizeof etag);
    }
    nj_api_work_start(exchange, self != NULL ? &self->work : NULL);
}
