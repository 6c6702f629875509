// SPDX-License-Identifier: Apache-2.0
#include "data/format/float_text.h"
#include "core/base/digits.h"

#include <float.h>
#include <math.h>

// digits[0].digits[1]… × 10^exponent, without zeros at the end
typedef struct Shortest {
    char digits[24];
    int32_t count;
    int32_t exponent;
} Shortest;

enum { DIGITS_SURE_64 = 15, DIGITS_MAX_64 = 17, DIGITS_SURE_32 = 6, DIGITS_MAX_32 = 9, TEXT_BYTES_MAX = 40 };

static const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// As %g would, with the wider plain range of PostgreSQL: exponents of -4 up to `plain`.
static void shortest_put(Buf *buf, const Shortest *shortest, int32_t plain) {
    uint8_t *room = buf_room(buf, TEXT_BYTES_MAX);
    if (room == NULL) {
        return;
    }
    uint8_t *at = room;
    int32_t exponent = shortest->exponent, count = shortest->count;
    if (exponent >= -4 && exponent < plain) {
        if (exponent < 0) {
            memcpy(at, "0.0000", 6);
            at += 1 - exponent;
            memcpy(at, shortest->digits, (size_t)count);
            at += count;
        } else {
            for (int32_t i = 0; i < count || i <= exponent; i++) {
                if (i == exponent + 1) {
                    *at++ = '.';
                }
                *at++ = i < count ? (uint8_t)shortest->digits[i] : '0';
            }
        }
    } else {
        *at++ = (uint8_t)shortest->digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, shortest->digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        *at++ = 'e';
        *at++ = exponent < 0 ? '-' : '+';
        uint32_t size = (uint32_t)(exponent < 0 ? -exponent : exponent);
        at = size < 100 ? digits_put2(at, size) : digits_put(at, size);
    }
    buf_advance(buf, (size_t)(at - room));
}

static void shortest_trim(Shortest *shortest) {
    while (shortest->count > 1 && shortest->digits[shortest->count - 1] == '0') {
        shortest->count--;
    }
}

static Shortest shortest_of_integer(uint64_t integer, int32_t point) {
    Shortest shortest = {0};
    shortest.count = (int32_t)(digits_put((uint8_t *)shortest.digits, integer) - (uint8_t *)shortest.digits);
    shortest.exponent = shortest.count - 1 - point;
    shortest_trim(&shortest);
    return shortest;
}

// The decimal of `count` digits nearest to the number.
static Shortest shortest_round(double number, int32_t count) {
    char text[32];
    snprintf(text, sizeof(text), "%.*e", count - 1, number);
    Shortest shortest = {.count = count, .digits = {text[0]}};
    char *exponent = strchr(text, 'e');
    ASSERT(exponent != NULL);
    if (count > 1) {
        memcpy(shortest.digits + 1, text + 2, (size_t)count - 1);
    }
    shortest.exponent = (int32_t)strtol(exponent + 1, NULL, 10);
    return shortest;
}

// One more in the last place.
static Shortest shortest_next(Shortest shortest) {
    int32_t i = shortest.count - 1;
    while (i >= 0 && shortest.digits[i] == '9') {
        shortest.digits[i--] = '0';
    }
    if (i >= 0) {
        shortest.digits[i]++;
    } else {
        shortest.digits[0] = '1';
        shortest.exponent++;
    }
    return shortest;
}

static void shortest_print(const Shortest *shortest, char *text, size_t size) {
    snprintf(text, size, "%c.%.*se%d", shortest->digits[0], shortest->count - 1, shortest->digits + 1,
             shortest->exponent);
}

// True when the decimal is exactly `middle`. Its long double may only be the nearest to it, hence all digits are asked.
static bool shortest_is(const Shortest *shortest, const char *text, long double middle) {
    if (strtold(text, NULL) != middle) {
        return false;
    }
    static const int32_t ALL_DIGITS = 800; // of the longest double, and of a point half-way to the next
    char exact[900];
    snprintf(exact, sizeof(exact), "%.*Le", (int)ALL_DIGITS, middle);
    if (exact[0] != shortest->digits[0] || strtol(strchr(exact, 'e') + 1, NULL, 10) != shortest->exponent) {
        return false;
    }
    for (int32_t i = 1; i <= ALL_DIGITS; i++) {
        if (exact[i + 1] != (i < shortest->count ? shortest->digits[i] : '0')) {
            return false;
        }
    }
    return true;
}

// True when the decimal lies inside the number's interval. A decimal exactly half-way to a neighbour would be read
// back by rounding to even, but PostgreSQL does not count on that.
static bool shortest_reads_64(const Shortest *shortest, double number) {
    char text[40];
    shortest_print(shortest, text, sizeof(text));
    return strtod(text, NULL) == number &&
           !shortest_is(shortest, text, ((long double)number + (long double)nextafter(number, 0)) / 2) &&
           (number >= DBL_MAX ||
            !shortest_is(shortest, text, ((long double)number + (long double)nextafter(number, HUGE_VAL)) / 2));
}

static bool shortest_reads_32(const Shortest *shortest, float number) {
    char text[40];
    shortest_print(shortest, text, sizeof(text));
    return strtof(text, NULL) == number &&
           !shortest_is(shortest, text, ((long double)number + (long double)nextafterf(number, 0)) / 2) &&
           (number >= FLT_MAX ||
            !shortest_is(shortest, text, ((long double)number + (long double)nextafterf(number, HUGE_VALF)) / 2));
}

// Zero, signs and what is no number; false when `number` (then positive) remains to be printed.
static bool float_special(Buf *buf, double number) {
    if (isnan(number)) {
        buf_text(buf, "NaN");
        return true;
    }
    if (signbit(number)) {
        buf_u8(buf, '-');
    }
    if (isinf(number) || number == 0) {
        buf_text(buf, number == 0 ? "0" : "Infinity");
        return true;
    }
    return false;
}

void float64_text(Buf *buf, double number) {
    if (float_special(buf, number)) {
        return;
    }
    number = fabs(number);
    // Few digits: the integer r for which r / 10^k is this number. Both are exact, so the division is the reading back,
    // and of decimals with at most 15 digits only one reads back as it.
    for (size_t k = 0; number < 1e15 && number >= 1e-5 && k < ARRAY_LEN(POWERS); k++) {
        double scaled = number * POWERS[k];
        if (scaled >= 1e15) {
            break;
        }
        uint64_t integer = (uint64_t)(scaled + 0.5);
        if ((double)integer / POWERS[k] == number) {
            Shortest shortest = shortest_of_integer(integer, (int32_t)k);
            shortest_put(buf, &shortest, 15);
            return;
        }
    }
    // All digits as far as 15 are safe: a shorter one shows as zeros at the end. Subnormal numbers have fewer.
    bool power_of_two = frexp(number, &(int){0}) == 0.5;
    Shortest shortest = {0};
    for (int32_t count = number < DBL_MIN ? 1 : DIGITS_SURE_64; count <= DIGITS_MAX_64; count++) {
        shortest = shortest_round(number, count);
        if (count == DIGITS_MAX_64 || shortest_reads_64(&shortest, number)) {
            break;
        }
        // Below a power of two numbers lie closer: the second nearest decimal, above it, may do.
        Shortest next = shortest_next(shortest);
        if (power_of_two && shortest_reads_64(&next, number)) {
            shortest = next;
            break;
        }
    }
    shortest_trim(&shortest);
    shortest_put(buf, &shortest, 15);
}

void float32_text(Buf *buf, float number) {
    if (float_special(buf, (double)number)) {
        return;
    }
    number = fabsf(number);
    // As above; up to 10^8 the double's own rounding cannot carry a decimal of 6 digits over a half-way point.
    for (size_t k = 0; number < 1e6f && number >= 1e-5f && k <= 8; k++) {
        double scaled = (double)number * POWERS[k];
        if (scaled >= 1e6) {
            break;
        }
        uint64_t integer = (uint64_t)(scaled + 0.5);
        if ((float)((double)integer / POWERS[k]) == number) {
            Shortest shortest = shortest_of_integer(integer, (int32_t)k);
            shortest_put(buf, &shortest, 6);
            return;
        }
    }
    bool power_of_two = frexpf(number, &(int){0}) == 0.5f;
    Shortest shortest = {0};
    for (int32_t count = number < FLT_MIN ? 1 : DIGITS_SURE_32; count <= DIGITS_MAX_32; count++) {
        shortest = shortest_round((double)number, count);
        if (count == DIGITS_MAX_32 || shortest_reads_32(&shortest, number)) {
            break;
        }
        Shortest next = shortest_next(shortest);
        if (power_of_two && shortest_reads_32(&next, number)) {
            shortest = next;
            break;
        }
    }
    shortest_trim(&shortest);
    shortest_put(buf, &shortest, 6);
}
