// SPDX-License-Identifier: Apache-2.0
// Is this file what it says, for which camera, and when was it taken? Reads it once.
#include "sources/folder_priv.h"

#include "util/digest.h"
#include "util/mem.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void nj_folder_refuse(struct nj_folder_verdict *verdict, const char *reason, const char *detail)
{
    nj_text_copy(verdict->reason, sizeof verdict->reason, reason);
    nj_text_printable(verdict->detail, sizeof verdict->detail, detail);
}

// The first folder below the root is the camera.
static bool find_camera(struct nj_folder_source *source, const char *path,
                        struct nj_folder_verdict *verdict)
{
    char folder[NAME_MAX + 1];
    const char *slash = strchr(path, '/');
    if (!slash) {
        nj_folder_refuse(verdict, "bad_name",
                         "it lies directly in the watched folder; put it into a camera's folder");
        return false;
    }
    size_t length = (size_t)(slash - path);
    if (length >= sizeof folder)
        length = sizeof folder - 1;
    memcpy(folder, path, length);
    folder[length] = '\0';
    char *id = verdict->item.camera_id;
    if (!nj_text_to_id(folder, id, sizeof verdict->item.camera_id)) {
        id[0] = '\0';
        nj_folder_refuse(verdict, "bad_name",
                         "its camera folder's name has no letters a to z and no digits");
        return false;
    }
    nj_text_printable(verdict->camera_name, sizeof verdict->camera_name, folder);
    if (!nj_strmap_get(source->cameras, id) &&
        nj_strmap_count(source->cameras) >= (size_t)source->options->max_cameras) {
        nj_folder_refuse(verdict, "too_many_cameras", "folder.max_cameras is reached");
        return false;
    }
    return true;
}

static bool has_good_size(const struct nj_folder_source *source, enum nj_media_kind kind,
                          struct nj_folder_verdict *verdict)
{
    bool video = kind == NJ_MEDIA_VIDEO;
    const struct nj_folder_options *options = source->options;
    int64_t least = video ? options->min_video_bytes : options->min_image_bytes;
    int64_t most = video ? options->max_video_bytes : source->config.picture_limits.max_bytes;
    if (verdict->size >= least && verdict->size <= most)
        return true;
    char detail[128];
    (void)snprintf(detail, sizeof detail, "%lld bytes; allowed are %lld to %lld",
                   (long long)verdict->size, (long long)least, (long long)most);
    nj_folder_refuse(verdict, verdict->size < least ? "too_small" : "too_big", detail);
    return false;
}

// Up to `want` bytes from the start of the file into source->bytes; how many, or an error.
static ssize_t read_head(struct nj_folder_source *source, int fd, size_t want, struct nj_error *err)
{
    void *bytes = source->bytes;
    if (nj_array_reserve(&bytes, &source->bytes_capacity, want, 1) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a file of %zu bytes", want);
    source->bytes = bytes;
    size_t have = 0;
    while (have < want) {
        ssize_t got = pread(fd, source->bytes + have, want - have, (off_t)have);
        if (got == 0)
            break;
        if (got > 0)
            have += (size_t)got;
        else if (errno != EINTR)
            return nj_error_errno(err, errno, "cannot read an uploaded file");
    }
    return (ssize_t)have;
}

// A clock that never ran or runs ahead, or a server that takes times from strangers: then the
// arrival counts.
static nj_us capture_time_us(const struct nj_folder_verdict *verdict, nj_us said_us)
{
    nj_us arrived_us = verdict->item.pipeline_start_us;
    bool can_be = said_us > 0 && said_us <= arrived_us + NJ_CAPTURE_AHEAD_MAX_US;
    return can_be ? said_us : arrived_us;
}

static void judge_picture(struct nj_folder_source *source, size_t length,
                          struct nj_folder_verdict *verdict)
{
    struct nj_picture_info info = {0};
    struct nj_error err = {0};
    int rc = nj_picture_probe(source->bytes, length, &source->config.picture_limits, &info, &err);
    if (rc == 0 && info.taken_wall_us > 0)
        verdict->item.taken_us = capture_time_us(verdict, info.taken_wall_us);
    else if (rc == NJ_E_INVALID)
        nj_folder_refuse(verdict, "wrong_type", err.text);
    else if (rc == NJ_E_TOO_BIG)
        nj_folder_refuse(verdict, "too_big", err.text);
    else if (rc != 0)
        nj_folder_refuse(verdict, "undecodable", err.text);
}

static int digest(struct nj_folder_source *source, const struct nj_folder_open_file *file,
                  size_t length, struct nj_folder_verdict *verdict, struct nj_error *err)
{
    if ((int64_t)length < verdict->size)
        return nj_sha256_fd_hex(file->fd, verdict->item.file_hash, NULL, err);
    int rc = nj_sha256_hex(source->bytes, length, verdict->item.file_hash);
    return rc == 0 ? 0 : nj_error_set(err, rc, "SHA-256 failed");
}

int nj_folder_judge(struct nj_folder_source *source, const struct nj_folder_open_file *file,
                    struct nj_folder_verdict *verdict, struct nj_error *err)
{
    const char *slash = strrchr(file->path, '/');
    enum nj_media_kind kind = nj_media_kind_of_name(slash ? slash + 1 : file->path);
    nj_text_copy(verdict->item.media_type, sizeof verdict->item.media_type,
                 nj_media_kind_text(kind));
    verdict->item.taken_us = capture_time_us(verdict, verdict->mtime_ns / 1000);
    if (!find_camera(source, file->path, verdict) || !has_good_size(source, kind, verdict))
        return 0;
    size_t want = kind == NJ_MEDIA_VIDEO ? NJ_MEDIA_MAGIC_BYTES : NJ_FOLDER_READ_MAX_BYTES;
    if (verdict->size < (int64_t)want)
        want = (size_t)verdict->size;
    ssize_t length = read_head(source, file->fd, want, err);
    if (length == NJ_E_IO) {
        // This file's blocks are bad; others may be well.
        nj_folder_refuse(verdict, "unreadable", err ? err->text : "");
        return 0;
    }
    if (length < 0)
        return (int)length;
    if (kind == NJ_MEDIA_IMAGE)
        judge_picture(source, (size_t)length, verdict);
    else if (!nj_media_is_video(source->bytes, (size_t)length))
        nj_folder_refuse(verdict, "wrong_type", "neither MP4, QuickTime, Matroska nor AVI");
    return verdict->reason[0] != '\0' ? 0 : digest(source, file, (size_t)length, verdict, err);
}
