// SPDX-License-Identifier: Apache-2.0
// Video files: open, read on, seek. One decoder thread: a daemon has a camera per core to decode,
// and FFmpeg's own threads cost a tenth more in all.
#include "frames/video.h"

#include "frames/libav_versions.h"
#include "frames/video_frame.h"
#include "frames/video_guard_priv.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/intreadwrite.h>

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_FRUITLESS_PACKETS = 2000, // in a row without a frame; then the file is taken for damaged
    PROBE_BYTES = 5 * 1000 * 1000,
    PROBE_US = 5 * 1000 * 1000,
    // From here on, what its pictures leave behind in the heap is worth a look through all of it.
    LARGE_PIXELS_LEAST = 8 * 1000 * 1000,
    CUT_US = 2 * 1000 * 1000, // sound may go on for a moment when the pictures are over
};

// Containers that hold their own data, and pictures whole. Playlists would open whatever they name;
// of streams without packets of their own, libavformat puts any amount together before it is seen.
static const char CONTAINERS[] = "avi,matroska,webm,mov,mp4,m4v";

struct nj_video {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream; // of format
    AVPacket *packet;
    AVFrame *decoded;
    const struct nj_cancel *cancel;
    int orientation;   // as EXIF's
    nj_us frame_us;    // duration of a frame, for those without a time
    nj_us duration_us; // as its head tells; 0: it does not
    int64_t end;       // of what was read, in the stream's time base
    nj_us position_us; // of the last frame that left the decoder; -1 before the first
    int fruitless;
    bool draining, any_frame;
    bool is_short;            // has fewer bytes than its head tells
    struct nj_frame *pending; // decoded already, handed out next
    nj_us pending_pts_us;
    struct nj_frame *last; // handed out last; what is shown until the next one's time
    nj_us last_pts_us;
};

static int is_interrupted(void *context)
{
    const struct nj_video *video = context;
    return video->cancel && nj_cancel_fired(video->cancel);
}

static int fail(const struct nj_video *video, int av_code, const char *what, struct nj_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    (void)av_strerror(av_code, text, sizeof(text));
    if (av_code == AVERROR_EXIT || is_interrupted((void *)(uintptr_t)video))
        return nj_error_set(err, NJ_E_CANCELLED, "%s: cancelled", what);
    if (av_code == AVERROR(ENOMEM))
        return nj_error_set(err, NJ_E_NOMEM, "%s: %s", what, text);
    return nj_error_set(err, NJ_E_CORRUPT, "%s: %s", what, text);
}

static int check_path(const char *path, struct nj_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return nj_error_errno(err, errno, "video %s", path);
    if (!S_ISREG(status.st_mode))
        return nj_error_set(err, NJ_E_INVALID, "video %s: not a regular file", path);
    return NJ_OK;
}

// FFmpeg takes the time that an AVI tells for less when the file is cut. Its head tells the bytes,
// too; 0 and -1 while it is written.
static bool is_short_riff(const char *path)
{
    uint8_t head[8];
    struct stat status;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool is_riff =
        fread(head, 1, sizeof(head), file) == sizeof(head) && memcmp(head, "RIFF", 4) == 0;
    const bool is_sized = is_riff && fstat(fileno(file), &status) == 0;
    (void)fclose(file);
    const uint32_t told = AV_RL32(head + 4);
    return is_sized && told != 0 && told != UINT32_MAX && status.st_size < (off_t)told;
}

static int open_container(struct nj_video *video, const char *path, struct nj_error *err)
{
    size_t size = strlen(path) + sizeof("file:");
    char *url = malloc(size);
    AVDictionary *settings = NULL;
    int result = AVERROR(ENOMEM);
    video->format = avformat_alloc_context();
    if (!url || !video->format)
        goto out;
    (void)snprintf(url, size, "file:%s", path); // so that no path is taken for another protocol
    video->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, video};
    video->format->max_analyze_duration = PROBE_US;
    video->format->probesize = PROBE_BYTES;
    if (av_dict_set(&settings, "protocol_whitelist", "file", 0) < 0 ||
        av_dict_set(&settings, "format_whitelist", CONTAINERS, 0) < 0)
        goto out;
    result = avformat_open_input(&video->format, url, NULL, &settings); // frees format on failure
out:
    av_dict_free(&settings);
    free(url);
    if (result >= 0)
        return NJ_OK;
    if (result == AVERROR(ENOMEM) || is_interrupted(video))
        return fail(video, result, "video", err);
    return nj_error_set(err, NJ_E_INVALID, "video %s: damaged, or of no known kind", path);
}

// The file is opened twice: what was read cannot always be read again.
static int look_before(struct nj_video *video, const char *path, struct nj_error *err)
{
    int result = open_container(video, path, err);
    if (result == NJ_OK)
        result = nj_video_guard(video->format, PROBE_BYTES, err);
    avformat_close_input(&video->format);
    return result;
}

static int check_size(int width, int height, struct nj_error *err)
{
    if (width < 0 || height < 0)
        return nj_error_set(err, NJ_E_CORRUPT, "video of %d x %d pixels", width, height);
    if (width > NJ_FRAME_SIDE_MAX_PX || height > NJ_FRAME_SIDE_MAX_PX ||
        (int64_t)width * height > NJ_FRAME_PIXELS_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "video of %d x %d pixels; at most %d a side", width,
                            height, NJ_FRAME_SIDE_MAX_PX);
    return NJ_OK;
}

static int find_stream(struct nj_video *video, const AVCodec **out_codec, struct nj_error *err)
{
    int result = avformat_find_stream_info(video->format, NULL);
    if (result < 0)
        return fail(video, result, "video", err);
    int index = av_find_best_stream(video->format, AVMEDIA_TYPE_VIDEO, -1, -1, out_codec, 0);
    if (index < 0)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "video: %s",
                            index == AVERROR_DECODER_NOT_FOUND ? "no decoder for its format"
                                                               : "no video stream");
    for (unsigned i = 0; i < video->format->nb_streams; i++)
        if ((int)i != index)
            video->format->streams[i]->discard = AVDISCARD_ALL;
    video->stream = video->format->streams[index];
    return check_size(video->stream->codecpar->width, video->stream->codecpar->height, err);
}

static int open_codec(struct nj_video *video, const AVCodec *codec, struct nj_error *err)
{
    video->codec = avcodec_alloc_context3(codec);
    video->packet = av_packet_alloc();
    video->decoded = av_frame_alloc();
    int result = AVERROR(ENOMEM);
    if (video->codec && video->packet && video->decoded)
        result = avcodec_parameters_to_context(video->codec, video->stream->codecpar);
    if (result < 0)
        return fail(video, result, "video", err);
    video->codec->thread_count = 1;
    video->codec->max_pixels = NJ_FRAME_PIXELS_MAX;
    video->codec->pkt_timebase = video->stream->time_base;
    result = avcodec_open2(video->codec, codec, NULL);
    return result < 0 ? fail(video, result, "video decoder", err) : NJ_OK;
}

static const uint8_t *matrix_of(const AVStream *stream, size_t *size)
{
#if NJ_AV_PARAMETERS_HAVE_SIDE_DATA
    const AVCodecParameters *codec = stream->codecpar;
    const AVPacketSideData *matrix = av_packet_side_data_get(
        codec->coded_side_data, codec->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    *size = matrix ? matrix->size : 0;
    return matrix ? matrix->data : NULL;
#else
    return av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, size);
#endif
}

// Quarter turns of the container, as EXIF's number.
static int orientation_of(const AVStream *stream)
{
    size_t size = 0;
    const uint8_t *matrix = matrix_of(stream, &size);
    if (!matrix || size < 9 * sizeof(int32_t))
        return 1;
    int32_t aligned[9];
    memcpy(aligned, matrix, sizeof(aligned));
    double turned = -av_display_rotation_get(aligned); // clockwise
    if (!isfinite(turned))
        return 1;
    static const int orientations[4] = {1, 6, 3, 8};
    return orientations[((int)lrint(turned / 90) % 4 + 4) % 4];
}

static nj_us to_us(int64_t time, AVRational base)
{
    return av_rescale_q(time, base, (AVRational){1, NJ_US_PER_S});
}

static void describe(struct nj_video *video, struct nj_video_info *out)
{
    AVRational rate = av_guess_frame_rate(video->format, video->stream, NULL);
    double fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    video->orientation = orientation_of(video->stream);
    video->frame_us = fps > 0 ? (nj_us)(NJ_US_PER_S / fps) : NJ_US_PER_S / 25;
    bool turned = video->orientation >= 5;
    *out = (struct nj_video_info){
        .width = turned ? video->codec->height : video->codec->width,
        .height = turned ? video->codec->width : video->codec->height,
        .fps = fps,
    };
    if (video->stream->duration > 0)
        out->duration_us = to_us(video->stream->duration, video->stream->time_base);
    else if (video->format->duration > 0)
        out->duration_us = video->format->duration;
    video->duration_us = out->duration_us;
    (void)snprintf(out->codec, sizeof(out->codec), "%s", avcodec_get_name(video->codec->codec_id));
}

int nj_video_open(const char *path, const struct nj_cancel *cancel, struct nj_video **out,
                  struct nj_video_info *out_info, struct nj_error *err)
{
    const AVCodec *codec = NULL;
    struct nj_video *video = NULL;
    nj_video_silence();
    int result = check_path(path, err);
    if (result < 0)
        return result;
    video = calloc(1, sizeof(*video));
    if (!video)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a video");
    video->cancel = cancel;
    video->position_us = -1;
    result = look_before(video, path, err);
    if (result == NJ_OK)
        result = open_container(video, path, err);
    if (result == NJ_OK)
        result = find_stream(video, &codec, err);
    if (result == NJ_OK)
        result = open_codec(video, codec, err);
    if (result < 0) {
        nj_video_close(video);
        return result;
    }
    struct nj_video_info info;
    describe(video, &info);
    video->is_short = is_short_riff(path);
    if (out_info)
        *out_info = info;
    *out = video;
    return NJ_OK;
}

static void drop_frames(struct nj_video *video)
{
    nj_frame_unref(video->pending);
    nj_frame_unref(video->last);
    video->pending = video->last = NULL;
}

void nj_video_close(struct nj_video *video)
{
    if (!video)
        return;
    const bool was_large =
        video->codec && (int64_t)video->codec->width * video->codec->height >= LARGE_PIXELS_LEAST;
    drop_frames(video);
    av_frame_free(&video->decoded);
    av_packet_free(&video->packet);
    avcodec_free_context(&video->codec);
    avformat_close_input(&video->format);
    free(video);
    if (was_large)
        (void)malloc_trim(0);
}

static nj_us start_of(const struct nj_video *video)
{
    int64_t start = video->stream->start_time;
    return start == AV_NOPTS_VALUE ? 0 : to_us(start, video->stream->time_base);
}

static nj_us pts_of(const struct nj_video *video, const AVFrame *frame)
{
    nj_us pts =
        frame->best_effort_timestamp == AV_NOPTS_VALUE
            ? -1
            : to_us(frame->best_effort_timestamp, video->stream->time_base) - start_of(video);
    if (pts < 0 && video->position_us < 0)
        return 0;
    return pts < 0 ? video->position_us + video->frame_us : pts;
}

static void note_end(struct nj_video *video)
{
    const AVPacket *packet = video->packet;
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time != AV_NOPTS_VALUE && time + packet->duration > video->end)
        video->end = time + packet->duration;
}

// Gives the decoder one more packet of the stream, or the end. A packet it cannot use is skipped.
static int feed(struct nj_video *video, struct nj_error *err)
{
    if (++video->fruitless > MAX_FRUITLESS_PACKETS)
        return nj_error_set(err, NJ_E_CORRUPT, "video: no picture in %d packets",
                            MAX_FRUITLESS_PACKETS);
    if (is_interrupted(video))
        return nj_error_set(err, NJ_E_CANCELLED, "video: cancelled");
    int result = av_read_frame(video->format, video->packet);
    if (result == AVERROR_EOF) {
        video->draining = true;
        (void)avcodec_send_packet(video->codec, NULL);
        return NJ_OK;
    }
    if (result == AVERROR(EAGAIN) || result == AVERROR_INVALIDDATA)
        return NJ_OK;
    if (result < 0)
        return fail(video, result, "video", err);
    if (video->packet->stream_index == video->stream->index) {
        note_end(video);
        if (nj_video_packet_fits(video->stream->codecpar, video->packet))
            result = avcodec_send_packet(video->codec, video->packet);
    }
    av_packet_unref(video->packet);
    return result == AVERROR(ENOMEM) ? fail(video, result, "video decoder", err) : NJ_OK;
}

static int decode_next(struct nj_video *video, struct nj_frame **out, nj_us *out_pts_us,
                       struct nj_error *err)
{
    for (;;) {
        int result = avcodec_receive_frame(video->codec, video->decoded);
        if (result >= 0)
            break;
        if (result == AVERROR_EOF || video->draining)
            return video->any_frame ? NJ_E_AGAIN
                                    : nj_error_set(err, NJ_E_CORRUPT, "video: no picture in it");
        result = feed(video, err);
        if (result < 0)
            return result;
    }
    nj_us pts = pts_of(video, video->decoded);
    struct nj_frame *frame = NULL;
    int result = nj_video_wrap(video->decoded, video->orientation, &frame, err);
    av_frame_unref(video->decoded);
    if (result < 0)
        return result;
    video->any_frame = true;
    video->fruitless = 0;
    video->position_us = pts;
    *out_pts_us = pts;
    *out = frame;
    return NJ_OK;
}

int nj_video_next(struct nj_video *video, struct nj_frame **out, nj_us *out_pts_us,
                  struct nj_error *err)
{
    struct nj_frame *frame = video->pending;
    nj_us pts = video->pending_pts_us;
    if (!frame) {
        int result = decode_next(video, &frame, &pts, err);
        if (result < 0)
            return result;
    }
    video->pending = NULL;
    nj_frame_unref(video->last);
    video->last = nj_frame_ref(frame);
    video->last_pts_us = pts;
    *out = frame;
    *out_pts_us = pts;
    return NJ_OK;
}

static int seek(struct nj_video *video, nj_us pts_us, struct nj_error *err)
{
    int64_t target = av_rescale_q(pts_us + start_of(video), (AVRational){1, NJ_US_PER_S},
                                  video->stream->time_base);
    int result = av_seek_frame(video->format, video->stream->index, target, AVSEEK_FLAG_BACKWARD);
    if (result < 0 && pts_us == 0) // raw streams know no times, but where they begin
        result = av_seek_frame(video->format, -1, 0, AVSEEK_FLAG_BYTE);
    if (result < 0)
        return fail(video, result, "video: seek", err);
    avcodec_flush_buffers(video->codec);
    drop_frames(video);
    video->draining = false;
    video->fruitless = 0;
    video->position_us = -1;
    return NJ_OK;
}

int nj_video_rewind(struct nj_video *video, struct nj_error *err)
{
    return seek(video, 0, err);
}

// Decoding on is cheaper than going back to a keyframe that has been passed already.
static bool needs_seek(struct nj_video *video, nj_us pts_us)
{
    if (!video->any_frame)
        return pts_us > 0;
    if (!video->last || pts_us < video->last_pts_us)
        return true;
    int64_t target = av_rescale_q(pts_us + start_of(video), (AVRational){1, NJ_US_PER_S},
                                  video->stream->time_base);
    const AVIndexEntry *entry =
        avformat_index_get_entry_from_timestamp(video->stream, target, AVSEEK_FLAG_BACKWARD);
    return !entry ||
           to_us(entry->timestamp, video->stream->time_base) - start_of(video) > video->position_us;
}

// Reads on while the next frame's time has come; video->last is then what is shown.
static int advance(struct nj_video *video, nj_us pts_us, struct nj_error *err)
{
    while (!video->last || video->last_pts_us < pts_us) {
        if (!video->pending) {
            int result = decode_next(video, &video->pending, &video->pending_pts_us, err);
            if (result == NJ_E_AGAIN && video->last)
                return NJ_OK;
            if (result < 0)
                return result;
        }
        if (video->last && video->pending_pts_us > pts_us)
            return NJ_OK;
        nj_frame_unref(video->last);
        video->last = video->pending;
        video->last_pts_us = video->pending_pts_us;
        video->pending = NULL;
    }
    return NJ_OK;
}

int nj_video_at(struct nj_video *video, nj_us pts_us, struct nj_frame **out, nj_us *out_pts_us,
                struct nj_error *err)
{
    int result = NJ_OK;
    if (needs_seek(video, pts_us))
        result = seek(video, pts_us, err);
    if (result == NJ_OK)
        result = advance(video, pts_us, err);
    if (result < 0)
        return result;
    *out = nj_frame_ref(video->last);
    *out_pts_us = video->last_pts_us;
    return NJ_OK;
}

bool nj_video_is_cut(const struct nj_video *video)
{
    const nj_us end_us = to_us(video->end, video->stream->time_base) - start_of(video);
    return video->is_short || (video->draining && end_us + CUT_US < video->duration_us);
}

size_t nj_video_sample_times(nj_us duration_us, nj_us interval_us, size_t max_frames, nj_us *out)
{
    if (max_frames == 0)
        return 0;
    if (interval_us <= 0 || duration_us <= interval_us) {
        out[0] = 0;
        return 1;
    }
    size_t count = (size_t)((duration_us - 1) / interval_us) + 1;
    nj_us step = interval_us;
    if (count > max_frames) {
        count = max_frames;
        step = duration_us / (nj_us)max_frames;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = (nj_us)i * step;
    return count;
}
