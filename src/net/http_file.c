// SPDX-License-Identifier: Apache-2.0
// File replies: validators, one byte range, pieces of bounded size. Files are small and lie on a
// local disk, so that pieces are read on the loop thread.
#include "net/http_server_priv.h"
#include "net/problem.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NJ_HTTP_FILE_HEADERS_MAX = 24 }; // the caller's and ours

struct file_reply {
    int64_t size, first, length;
    time_t modified;
    int status; // 200, 206, 304 or 416
    char etag[64], date[NJ_HTTP_DATE_SIZE], range[80];
    struct nj_http_field headers[NJ_HTTP_FILE_HEADERS_MAX];
    size_t header_count;
};

void nj_http_file_close(struct nj_http_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

// Digits at *text, which moves behind them; -1 when there is none or too many.
static int64_t take_number(const char **text)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 18)
        return -1;
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + ((*text)[i] - '0');
    *text += digits;
    return number;
}

// Splits "bytes=first-last" with either end left out (-1). False for another unit, several ranges
// and what is malformed.
static bool split_range(const char *range, int64_t *first, int64_t *last)
{
    if (strncasecmp(range, "bytes=", 6) != 0)
        return false;
    const char *at = range + 6;
    *first = *at == '-' ? -1 : take_number(&at);
    if (*at++ != '-')
        return false;
    *last = *at ? take_number(&at) : -1;
    if (*at || (*first < 0 && *last < 0))
        return false;
    return *last < 0 || *first <= *last;
}

// One range of RFC 9110 section 14. A header that cannot be used is ignored, as the RFC lets a
// server do; a range beyond the file is 416.
static void apply_range(struct file_reply *file, const char *range)
{
    int64_t first, last;
    if (!split_range(range, &first, &last))
        return;
    if (first < 0) { // the last `last` bytes
        first = last < file->size ? file->size - last : 0;
        last = -1;
    }
    if (first >= file->size) {
        file->status = 416;
        file->length = 0;
        return;
    }
    if (last < 0 || last >= file->size)
        last = file->size - 1;
    file->status = 206;
    file->first = first;
    file->length = last - first + 1;
}

// If-Range: the range only counts for the very file that the client has a part of.
static bool range_counts(const struct nj_http_request *request, const struct file_reply *file)
{
    const char *condition = nj_http_head_get(&request->head, "If-Range");
    return !condition || strcmp(condition, file->etag) == 0 || strcmp(condition, file->date) == 0;
}

static bool is_unchanged(const struct nj_http_request *request, const struct file_reply *file)
{
    const char *tags = nj_http_head_get(&request->head, "If-None-Match");
    if (tags)
        return nj_http_etag_matches(tags, file->etag);
    const char *since = nj_http_head_get(&request->head, "If-Modified-Since");
    time_t seconds;
    return since && nj_http_date_parse(since, &seconds) == 0 && file->modified <= seconds;
}

static void add_header(struct file_reply *file, const char *name, const char *value)
{
    if (file->header_count < NJ_HTTP_FILE_HEADERS_MAX)
        file->headers[file->header_count++] = (struct nj_http_field){name, value};
}

static void describe(struct file_reply *file, const struct nj_http_request *request,
                     const struct stat *st)
{
    *file = (struct file_reply){
        .size = st->st_size, .length = st->st_size, .modified = st->st_mtim.tv_sec, .status = 200};
    snprintf(file->etag, sizeof(file->etag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
             (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_size);
    nj_http_date_format(file->modified, file->date);
    const char *range = nj_http_head_get(&request->head, "Range");
    if (is_unchanged(request, file))
        file->status = 304;
    else if (range && strcmp(request->head.method, "GET") == 0 && range_counts(request, file))
        apply_range(file, range);
    add_header(file, "ETag", file->etag);
    add_header(file, "Last-Modified", file->date);
    add_header(file, "Accept-Ranges", "bytes");
    if (file->status == 206) {
        snprintf(file->range, sizeof(file->range), "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
                 file->first, file->first + file->length - 1, file->size);
        add_header(file, "Content-Range", file->range);
    } else if (file->status == 416) {
        snprintf(file->range, sizeof(file->range), "bytes */%" PRId64, file->size);
        add_header(file, "Content-Range", file->range);
    }
}

void nj_http_file_send_next(struct nj_http_conn *conn)
{
    struct nj_http_file *file = &conn->file;
    size_t wanted = NJ_HTTP_FILE_PIECE_BYTES;
    if (file->left < (int64_t)wanted)
        wanted = (size_t)file->left;
    char *piece = malloc(wanted);
    ssize_t count = piece ? pread(file->fd, piece, wanted, file->offset) : -1;
    if (count <= 0) { // it shrank or the disk failed: a short body must not look whole
        free(piece);
        nj_stream_close(conn->stream);
        return;
    }
    file->offset += count;
    file->left -= count;
    nj_stream_queue(conn->stream, piece, (size_t)count, piece, free);
}

// Opens a regular file without waiting on a pipe that stands in its place.
static int open_regular(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    errno = ENOENT;
    return -1;
}

static void send_head(struct nj_http_request *request, const struct file_reply *file,
                      const char *content_type)
{
    struct nj_http_conn *conn = request->conn;
    struct nj_http_reply reply = {.status = file->status,
                                  .content_type = content_type,
                                  .headers = file->headers,
                                  .header_count = file->header_count};
    struct nj_buf *head = &conn->server->scratch;
    if (nj_http_reply_head(request, &reply, file->length) != 0 ||
        nj_stream_send(conn->stream, head->data, head->length) != 0)
        nj_stream_close(conn->stream);
}

static void send_file(struct nj_http_request *request, const struct file_reply *file, int fd,
                      const char *content_type)
{
    struct nj_http_conn *conn = request->conn;
    bool bare = strcmp(request->head.method, "HEAD") == 0 || file->status == 304;
    send_head(request, file, content_type);
    if (!bare && file->length > 0 && !conn->stream->closing) {
        conn->file = (struct nj_http_file){fd, file->first, file->length};
        nj_http_file_send_next(conn);
    } else {
        close(fd);
    }
    nj_http_conn_replied(conn);
}

void nj_http_reply_file(struct nj_http_request *request, const char *path, const char *content_type,
                        const struct nj_http_field *headers, size_t header_count)
{
    struct nj_http_conn *conn = request->conn;
    struct stat st;
    if (!conn || conn->stream->closing) {
        nj_http_reply(request, &(struct nj_http_reply){.status = 500}); // dropped quietly
        return;
    }
    int fd = open_regular(path, &st);
    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        nj_problem_reply(request, absent ? 404 : 500, NULL, NULL,
                         absent ? "there is no such file" : "the file cannot be read");
        return;
    }
    struct file_reply file;
    describe(&file, request, &st);
    for (size_t i = 0; i < header_count; i++)
        add_header(&file, headers[i].name, headers[i].value);
    send_file(request, &file, fd, content_type);
}
