// SPDX-License-Identifier: Apache-2.0
// libavformat reads packets where it expects a connection: they lie ready one at a time, and
// between them it hears that nothing is there yet.
#include "sources/rtp_library_priv.h"

#include "frames/libav_versions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PACKET_MAX = 64 * 1024 }; // of an interleaved packet

struct nj_rtp_library {
    AVFormatContext *format;
    AVIOContext *wire;
    const uint8_t *packet; // borrowed; NULL: none lies ready
    size_t length;
};

static int read_wire(void *opaque, uint8_t *out, int size)
{
    struct nj_rtp_library *library = opaque;
    if (!library->packet)
        return AVERROR(EAGAIN);
    const size_t length = library->length < (size_t)size ? library->length : (size_t)size;
    memcpy(out, library->packet, length);
    library->packet = NULL;
    return (int)length;
}

// What libavformat would report to the camera; the session does that itself.
static int write_nothing(void *opaque, nj_av_written *bytes, int size)
{
    (void)opaque;
    (void)bytes;
    return size;
}

struct text {
    const char *at;
    size_t left;
};

static int read_text(void *opaque, uint8_t *out, int size)
{
    struct text *text = opaque;
    size_t count = text->left < (size_t)size ? text->left : (size_t)size;
    if (count == 0)
        return AVERROR_EOF;
    memcpy(out, text->at, count);
    text->at += count;
    text->left -= count;
    return (int)count;
}

// Has room for two packets, so that one that is read never reaches the buffer's end, and is written
// to directly: libavformat writes its reports to what it reads from.
static AVIOContext *make_io(void *opaque, int (*read)(void *, uint8_t *, int))
{
    unsigned char *buffer = av_malloc((size_t)2 * PACKET_MAX);
    AVIOContext *io =
        buffer ? avio_alloc_context(buffer, 2 * PACKET_MAX, 0, opaque, read, write_nothing, NULL)
               : NULL;
    if (!io) {
        av_free(buffer);
        return NULL;
    }
    io->max_packet_size = PACKET_MAX;
    io->direct = 1;
    return io;
}

static void free_io(AVIOContext **io)
{
    if (*io)
        av_freep(&(*io)->buffer);
    avio_context_free(io);
}

// libavformat learns of the video from its description, and then takes packets from `wire`.
static int open_format(struct nj_rtp_library *library, const char *sdp, struct nj_error *err)
{
    struct text text = {sdp, strlen(sdp)};
    AVDictionary *options = NULL;
    AVIOContext *description = make_io(&text, read_text);
    int av_code = AVERROR(ENOMEM);
    library->wire = make_io(library, read_wire);
    library->format = avformat_alloc_context();
    if (description && library->wire && library->format &&
        av_dict_set(&options, "sdp_flags", "custom_io", 0) >= 0 &&
        av_dict_set(&options, "reorder_queue_size", "0", 0) >= 0) { // TCP keeps the order
        library->format->pb = description;
        // Frees the context on failure, and writes NULL here.
        av_code = avformat_open_input(&library->format, "", av_find_input_format("sdp"), &options);
    }
    av_dict_free(&options);
    free_io(&description);
    if (av_code < 0 || !library->format)
        return av_code == AVERROR(ENOMEM)
                   ? nj_error_set(err, NJ_E_NOMEM, "out of memory")
                   : nj_error_set(err, NJ_E_CORRUPT, "the camera's description is wrong");
    library->format->pb = library->wire;
    if (library->format->nb_streams == 0)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the camera describes no video");
    return 0;
}

int nj_rtp_library_open(const char *description, struct nj_rtp_library **out, struct nj_error *err)
{
    struct nj_rtp_library *library = calloc(1, sizeof *library);
    int rc = library ? open_format(library, description, err)
                     : nj_error_set(err, NJ_E_NOMEM, "out of memory");
    if (rc == 0)
        *out = library;
    else
        nj_rtp_library_close(library);
    return rc;
}

const AVStream *nj_rtp_library_stream(const struct nj_rtp_library *library)
{
    return library->format->streams[0];
}

void nj_rtp_library_push(struct nj_rtp_library *library, const uint8_t *packet, size_t length)
{
    library->packet = packet;
    library->length = length;
}

int nj_rtp_library_take(struct nj_rtp_library *library, AVPacket *out, struct nj_error *err)
{
    for (;;) {
        const bool ready = library->packet != NULL;
        library->wire->eof_reached = library->wire->error = 0; // that nothing was there yet
        int av_code = av_read_frame(library->format, out);
        if (av_code >= 0 && out->stream_index == 0)
            return 0;
        av_packet_unref(out);
        if (av_code == AVERROR(ENOMEM))
            return nj_error_set(err, NJ_E_NOMEM, "out of memory");
        if (av_code == AVERROR(EAGAIN) && !library->packet)
            return NJ_E_AGAIN;
        if (av_code < 0 && (library->packet || !ready)) // not for what that packet was
            return nj_error_set(err, NJ_E_CORRUPT, "no video in what the camera sends");
    }
}

void nj_rtp_library_close(struct nj_rtp_library *library)
{
    if (!library)
        return;
    avformat_close_input(&library->format);
    free_io(&library->wire);
    free(library);
}
