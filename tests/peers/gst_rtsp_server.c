// SPDX-License-Identifier: Apache-2.0
// A second RTSP server, by people who do not know this project: gst-rtsp-server plays the same
// files as the test camera, over TCP on loopback, for ever. A file with H.265, which the test
// camera does not know, it plays once.
//
//   gst-rtsp-server NAME=FILE ...
//
// Prints "listening PORT", answers "drop" (all clients), "freeze" and "unfreeze" on standard input
// with "ok", and ends with "quit" or the input.
#include "tests/fake/rtsp_camera_priv.h"

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <stdio.h>
#include <string.h>

enum { TICK_MS = 5, LINE_BYTES = 256 };

// Its libraries are not instrumented, and keep memory for the process's life: what a sanitizer
// would say here is not about this project.
#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_bugs=0";
}
#endif
#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

struct server {
    GMainLoop *loop;
    GstRTSPServer *gst;
    gint frozen; // atomic
};

struct mount {
    struct server *server;
    struct camera_media *media;
};

// Feeds one client's pipeline. Its timer runs in the main loop and frees it once `ended`.
struct feeder {
    struct mount *mount;
    GstAppSrc *source;
    size_t next;
    nj_us base_us;          // media time of this round
    GstClockTime begin;     // running time of the first frame
    gboolean begun, frozen; // main loop only
    gint ended;             // atomic
};

static GstBuffer *next_unit(struct feeder *feeder)
{
    const struct camera_media *media = feeder->mount->media;
    const struct camera_unit *unit = &media->units[feeder->next];
    static const guint8 start_code[] = {0, 0, 0, 1};
    GstBuffer *buffer = gst_buffer_new();
    for (size_t i = 0; i < unit->nal_count; i++) {
        const struct camera_span *nal = &media->nals[unit->first_nal + i];
        gst_buffer_append_memory(buffer, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY,
                                                                (gpointer)(guintptr)start_code, 4,
                                                                0, 4, NULL, NULL));
        gst_buffer_append_memory(buffer,
                                 gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY,
                                                        media->bytes.data + nal->offset, nal->size,
                                                        0, nal->size, NULL, NULL));
    }
    GST_BUFFER_DTS(buffer) =
        feeder->begin + (GstClockTime)(feeder->base_us + unit->dts_us) * GST_USECOND;
    GST_BUFFER_PTS(buffer) =
        feeder->begin + (GstClockTime)(feeder->base_us + unit->pts_us) * GST_USECOND;
    if (++feeder->next == media->unit_count) {
        feeder->next = 0;
        feeder->base_us += media->duration_us;
    }
    return buffer;
}

static gboolean feed(gpointer arg)
{
    struct feeder *feeder = arg;
    if (g_atomic_int_get(&feeder->ended)) {
        gst_object_unref(feeder->source);
        g_free(feeder);
        return G_SOURCE_REMOVE;
    }
    GstElement *element = GST_ELEMENT(feeder->source);
    if (GST_STATE(element) != GST_STATE_PLAYING)
        return G_SOURCE_CONTINUE;
    GstClockTime now = gst_element_get_current_running_time(element);
    if (!GST_CLOCK_TIME_IS_VALID(now))
        return G_SOURCE_CONTINUE;
    if (!feeder->begun) {
        feeder->begin = now;
        feeder->begun = TRUE;
    }
    const struct camera_media *media = feeder->mount->media;
    for (;;) {
        nj_us due = feeder->base_us + media->units[feeder->next].dts_us;
        if (feeder->begin + (GstClockTime)due * GST_USECOND > now)
            return G_SOURCE_CONTINUE;
        if (g_atomic_int_get(&feeder->mount->server->frozen))
            feeder->base_us += TICK_MS * NJ_US_PER_MS; // the next frame stays the next
        else if (gst_app_src_push_buffer(feeder->source, next_unit(feeder)) != GST_FLOW_OK)
            return G_SOURCE_CONTINUE; // its client is leaving
    }
}

static void end_feeder(GstRTSPMedia *media, struct feeder *feeder)
{
    (void)media;
    g_atomic_int_set(&feeder->ended, TRUE);
}

static void configure(GstRTSPMediaFactory *factory, GstRTSPMedia *media, struct mount *mount)
{
    (void)factory;
    GstElement *pipeline = gst_rtsp_media_get_element(media);
    GstElement *source = gst_bin_get_by_name_recurse_up(GST_BIN(pipeline), "source");
    struct feeder *feeder = g_new0(struct feeder, 1);
    feeder->mount = mount;
    feeder->source = GST_APP_SRC(source);
    g_signal_connect(media, "unprepared", G_CALLBACK(end_feeder), feeder);
    g_timeout_add(TICK_MS, feed, feeder);
    gst_object_unref(pipeline);
}

static void play_h265(GstRTSPMediaFactory *factory, const char *file)
{
    char *launch = g_strdup_printf("( filesrc location=\"%s\" ! qtdemux ! h265parse ! "
                                   "rtph265pay name=pay0 pt=96 config-interval=-1 )",
                                   file);
    gst_rtsp_media_factory_set_launch(factory, launch);
    g_free(launch);
}

static gboolean play_h264(struct server *server, GstRTSPMediaFactory *factory, const char *file)
{
    struct nj_error err = {0};
    struct mount *mount = g_new0(struct mount, 1);
    mount->server = server;
    if (camera_media_load(file, false, &mount->media, &err)) {
        fprintf(stderr, "gst-rtsp-server: %s\n", err.text);
        g_free(mount);
        return FALSE;
    }
    gst_rtsp_media_factory_set_launch(
        factory, "( appsrc name=source is-live=true format=time max-bytes=4000000 "
                 "caps=video/x-h264,stream-format=byte-stream,alignment=au "
                 "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )");
    g_signal_connect(factory, "media-configure", G_CALLBACK(configure), mount);
    return TRUE;
}

static gboolean add_mount(struct server *server, const char *name, const char *file)
{
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    if (g_str_has_suffix(file, "-h265.mp4"))
        play_h265(factory, file);
    else if (!play_h264(server, factory, file))
        return FALSE;
    gst_rtsp_media_factory_set_protocols(factory, GST_RTSP_LOWER_TRANS_TCP);
    GstRTSPMountPoints *points = gst_rtsp_server_get_mount_points(server->gst);
    char *path = g_strdup_printf("/%s", name);
    gst_rtsp_mount_points_add_factory(points, path, factory);
    g_free(path);
    g_object_unref(points);
    return TRUE;
}

static GstRTSPFilterResult remove_client(GstRTSPServer *server, GstRTSPClient *client, gpointer arg)
{
    (void)server;
    (void)client;
    (void)arg;
    return GST_RTSP_FILTER_REMOVE;
}

static gboolean take_line(GIOChannel *channel, GIOCondition condition, gpointer arg)
{
    struct server *server = arg;
    char line[LINE_BYTES];
    (void)channel;
    if (!(condition & G_IO_IN) || !fgets(line, sizeof(line), stdin) || !strcmp(line, "quit\n")) {
        g_main_loop_quit(server->loop);
        return G_SOURCE_REMOVE;
    }
    bool known = true;
    if (!strcmp(line, "drop\n"))
        g_list_free_full(gst_rtsp_server_client_filter(server->gst, remove_client, NULL),
                         g_object_unref);
    else if (!strcmp(line, "freeze\n") || !strcmp(line, "unfreeze\n"))
        g_atomic_int_set(&server->frozen, line[0] == 'f');
    else
        known = false;
    printf("%s\n", known ? "ok" : "error no such command");
    fflush(stdout);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    struct server server = {.loop = g_main_loop_new(NULL, FALSE), .gst = gst_rtsp_server_new()};
    gst_rtsp_server_set_address(server.gst, "127.0.0.1");
    gst_rtsp_server_set_service(server.gst, "0");
    for (int i = 1; i < argc; i++) {
        char *file = strchr(argv[i], '=');
        if (!file) {
            fprintf(stderr, "gst-rtsp-server: '%s' is not NAME=FILE\n", argv[i]);
            return 2;
        }
        *file++ = '\0';
        if (!add_mount(&server, argv[i], file))
            return 2;
    }
    if (!gst_rtsp_server_attach(server.gst, NULL)) {
        fprintf(stderr, "gst-rtsp-server: cannot listen\n");
        return 2;
    }
    setvbuf(stdin, NULL, _IONBF, 0); // nothing may wait in a buffer that the loop does not see
    GIOChannel *input = g_io_channel_unix_new(0);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP | G_IO_ERR, take_line, &server);
    printf("listening %d\n", gst_rtsp_server_get_bound_port(server.gst));
    fflush(stdout);
    g_main_loop_run(server.loop);
    return 0;
}
