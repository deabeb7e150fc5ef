// SPDX-License-Identifier: Apache-2.0
// What is shown of a URL.
#include "net/address_rules.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int address_redact_test(void);

static void secrets_of_urls_are_never_shown(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"rtsp://host/a", "rtsp://host/a"},
        {"rtsp://host:554/a?channel=1&subtype=0", "rtsp://host:554/a?channel=1&subtype=0"},
        {"rtsp://user:secret@host/a", "rtsp://***@host/a"},
        {"rtsp://secret@host", "rtsp://***@host"},
        {"rtsp://user:se@cret@host/a", "rtsp://***@host/a"},
        {"rtsp://user:se/cret@host/a", "rtsp://***@host/a"},
        {"rtsp://user:se?cret@host/a", "rtsp://***@host/a"},
        {"rtsp://user:se#cret@host/a", "rtsp://***@host/a"},
        {"user:secret@host/a", "***@host/a"},
        {"secret@://x@host/a", "***@host/a"},
        {"http://host/a?user=secret&pwd=secret&c=2", "http://host/a?user=***&pwd=***&c=2"},
        {"http://host/a?Access_Token=secret", "http://host/a?Access_Token=***"},
        {"http://host/a?x;password=secret#secret", "http://host/a?x;password=***"},
        {"http://host/a?token=a_b=c/d?e", "http://host/a?token=***"},
        {"rtsp://host/user=admin&password=secret&channel=1",
         "rtsp://host/user=***&password=***&channel=1"},
        {"rtsp://host:554/user=admin_password=secret_channel=1_stream=0.sdp?real_stream",
         "rtsp://host:554/user=***_password=***_channel=1_stream=0.sdp?real_stream"},
        {"rtsp://host/password=se_secret_channel=1", "rtsp://host/password=***_channel=1"},
        {"rtsp://host/password=se_cret==", "rtsp://host/password=***"},
        {"rtsp://host/password=se_cret=&channel=1", "rtsp://host/password=***&channel=1"},
        {"rtsp://host/live_1;pwd=secret/ch_2", "rtsp://host/live_1;pwd=***"}, // it may be its own
        {"rtsp://host/pwd=secret/ch=2", "rtsp://host/pwd=***/ch=2"},
        {"rtsp://host/pwd=a/secret_ch=2", "rtsp://host/pwd=***_ch=2"},
        {"rtsp://host/pwd=a/secret&ch=2?c=d", "rtsp://host/pwd=***&ch=2?c=d"},
        {"rtsp://host/pwd=a@secret&ch=2", "rtsp://host/pwd=***&ch=2"},
        {"rtsp://host/user=a@b_pwd=a/secret@secret", "rtsp://host/user=***_pwd=***"},
        {"http://host:80/a?user=a@b&pwd=a@secret&c=2", "http://host:80/a?user=***&pwd=***&c=2"},
        {"http://host/a?pwd=a/@secret", "http://host/a?pwd=***"},
        {"http://u:secret@host/a?pwd=a@secret&c=2", "http://***@host/a?pwd=***&c=2"},
        {"http://u:secret@[::1]:8/a?pwd=a@secret&c=2", "http://***@[::1]:8/a?pwd=***&c=2"},
        {"http://u:se/cret@host/a?pwd=a@secret&c=2", "http://***@***&c=2"},
        {"http://host/a@b?pwd=a@secret&c=a_key=x", "http://***@***&c=a_key=x"},
        {"rtsp://u:1/secret@host/a", "rtsp://***@host/a"}, // no port, but a password
        {"rtsp://host/token=secret?pwd=secret", "rtsp://host/token=***?pwd=***"},
        {"rtsp://host/channel=1_pwd=secret", "rtsp://host/channel=1_pwd=***"},
        {"http://ho\nst/\x80", "http://ho?st/?"},
        {"", ""},
    };
    char shown[256];
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_address_redact(cases[i].url, shown, sizeof shown);
        assert_string_equal(shown, cases[i].shown);
        for (size_t size = 1; size < 8; size++) { // cut, and ended
            nj_address_redact(cases[i].url, shown, size);
            assert_true(strlen(shown) < size);
        }
    }
}

int address_redact_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_of_urls_are_never_shown),
    };
    return cmocka_run_group_tests_name("address_redact", tests, NULL, NULL);
}
