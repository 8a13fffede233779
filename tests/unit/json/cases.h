/*
 * cases - texts that every strict reader of JSON takes, and texts that it
 * refuses, in the spirit (and by the naming) of Nicolas Seriot's
 * JSONTestSuite: y_ must be taken, n_ must be refused. Written for this tree.
 *
 * Each case is one line, C(name, text); texts may hold NUL.
 */
#ifndef TEST_JSON_CASES_H
#define TEST_JSON_CASES_H

#define Y_CASES(C)                                                      \
	C("array_empty", "[]")                                          \
	C("array_empty_spaced", " [ \t\r\n ] ")                         \
	C("array_of_arrays", "[[],[[]],[[],[]]]")                       \
	C("array_mixed", "[null,1,\"1\",{},[],true,false,1.5]")         \
	C("array_one_null", "[null]")                                   \
	C("array_trailing_newline", "[1]\n")                            \
	C("array_leading_space", " [1]")                                \
	C("number_0", "0")                                              \
	C("number_minus_0", "-0")                                       \
	C("number_minus_0_point", "-0.0")                               \
	C("number_minus_1", "-1")                                       \
	C("number_exp", "1e5")                                          \
	C("number_exp_upper", "1E5")                                    \
	C("number_exp_plus", "1e+5")                                    \
	C("number_exp_minus", "1e-5")                                   \
	C("number_exp_zeros", "1e005")                                  \
	C("number_0_exp", "0e1")                                        \
	C("number_0_exp_plus", "0e+1")                                  \
	C("number_point", "1.25")                                       \
	C("number_point_exp", "123.456e78")                             \
	C("number_tiny_is_0", "1e-400")                                 \
	C("number_double_max", "1.7976931348623157e308")                \
	C("number_subnormal", "5e-324")                                 \
	C("number_2_53_1", "9007199254740993")                          \
	C("number_u64_max", "18446744073709551615")                     \
	C("number_i64_min", "-9223372036854775808")                     \
	C("number_past_64_bits", "123456789012345678901234567890")      \
	C("number_past_64_bits_minus", "-123456789012345678901")        \
	C("number_many_digits", "0.1000000000000000055511151231257827") \
	C("object_empty", "{}")                                         \
	C("object_empty_key", "{\"\":0}")                               \
	C("object_one", "{\"a\":1}")                                    \
	C("object_nested", "{\"a\":{\"a\":{\"a\":1}}}")                 \
	C("object_spaced", "{ \"a\" : 1 ,\n\t\"b\" : [ ] }")            \
	C("object_same_value_not_key", "{\"a\":\"b\",\"b\":\"a\"}")     \
	C("object_keys_differ_by_case", "{\"a\":1,\"A\":2}")            \
	C("object_key_is_prefix", "{\"a\":1,\"aa\":2,\"aaa\":3}")       \
	C("object_key_escaped", "{\"\\u0062\":1,\"a\":2}")              \
	C("object_same_key_elsewhere", "[{\"a\":1},{\"a\":2}]")         \
	C("string_empty", "\"\"")                                       \
	C("string_escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")           \
	C("string_u", "\"\\u0041\\u00e9\\u20AC\"")                      \
	C("string_pair", "\"\\uD83D\\uDE00\"")                          \
	C("string_pair_lower", "\"\\ud83d\\ude00\"")                    \
	C("string_last_pair", "\"\\udbff\\udfff\"")                     \
	C("string_noncharacter", "\"\\uFFFF\"")                         \
	C("string_backslash_u", "\"\\\\u0000\"")                        \
	C("string_del", "\"\x7f\"")                                     \
	C("string_utf8_2", "\"\xc3\xa9\"")                              \
	C("string_utf8_3", "\"\xe2\x82\xac\"")                          \
	C("string_utf8_4", "\"\xf0\x9f\x98\x80\"")                      \
	C("string_utf8_first_4", "\"\xf0\x90\x80\x80\"")                \
	C("string_utf8_last", "\"\xf4\x8f\xbf\xbf\"")                   \
	C("string_utf8_bom_inside", "\"\xef\xbb\xbf\"")                 \
	C("string_line_separator", "\"\xe2\x80\xa8\xe2\x80\xa9\"")      \
	C("string_comment", "\"/* // */\"")                             \
	C("string_brackets", "[\"}]{[\"]")                              \
	C("literal_true", "true")                                       \
	C("literal_false", "false")                                     \
	C("literal_null", " null ")

#define N_CASES(C)                                                      \
	C("empty", "")                                                  \
	C("space_only", " ")                                            \
	C("newlines_only", "\n\n")                                      \
	C("nul_only", "\0")                                             \
	C("bom_only", "\xef\xbb\xbf")                                   \
	C("bom_first", "\xef\xbb\xbf{}")                                \
	C("utf16", "[\0\"\0a\0\"\0]\0")                                 \
	C("array_open", "[")                                            \
	C("array_1_open", "[1")                                         \
	C("array_1_comma", "[1,")                                       \
	C("array_trailing_comma", "[1,]")                               \
	C("array_two_trailing_commas", "[1,,]")                         \
	C("array_comma_only", "[,]")                                    \
	C("array_leading_comma", "[,1]")                                \
	C("array_double_comma", "[1,,2]")                               \
	C("array_no_comma", "[1 true]")                                 \
	C("array_colon", "[1:2]")                                       \
	C("array_closed_twice", "[1]]")                                 \
	C("array_closed_wrong", "[1}")                                  \
	C("array_after", "[1],")                                        \
	C("array_then_array", "[][]")                                   \
	C("array_formfeed", "[\f1]")                                    \
	C("array_vtab", "[\v1]")                                        \
	C("array_nbsp",                                                 \
	    "[\xc2\xa0"                                                 \
	    "1]")                                                       \
	C("array_nul", "[1\0]")                                         \
	C("array_star", "[*]")                                          \
	C("array_invalid_utf8", "[\xff]")                               \
	C("array_word", "[a]")                                          \
	C("array_quote_word", "['a']")                                  \
	C("comment_block", "[1/* one */]")                              \
	C("comment_line", "[1]// one")                                  \
	C("comment_hash", "[1]# one")                                   \
	C("literal_cut", "tru")                                         \
	C("literal_upper", "True")                                      \
	C("literal_caps", "NULL")                                       \
	C("literal_long", "truth")                                      \
	C("literal_glued", "truefalse")                                 \
	C("literal_nan", "NaN")                                         \
	C("literal_minus_nan", "-NaN")                                  \
	C("literal_inf", "Infinity")                                    \
	C("literal_minus_inf", "-Infinity")                             \
	C("literal_undefined", "undefined")                             \
	C("number_plus", "+1")                                          \
	C("number_minus", "-")                                          \
	C("number_minus_minus", "--1")                                  \
	C("number_minus_space", "- 1")                                  \
	C("number_minus_word", "-a")                                    \
	C("number_leading_0", "01")                                     \
	C("number_minus_leading_0", "-01")                              \
	C("number_00", "00")                                            \
	C("number_point_only", ".")                                     \
	C("number_no_int", ".5")                                        \
	C("number_minus_no_int", "-.5")                                 \
	C("number_no_fraction", "1.")                                   \
	C("number_no_fraction_exp", "1.e5")                             \
	C("number_two_points", "1.2.3")                                 \
	C("number_exp_empty", "1e")                                     \
	C("number_exp_sign_only", "1e+")                                \
	C("number_exp_twice", "1e5e5")                                  \
	C("number_exp_point", "1e5.5")                                  \
	C("number_e_first", "e5")                                       \
	C("number_hex", "0x10")                                         \
	C("number_octal", "0o7")                                        \
	C("number_suffix", "1L")                                        \
	C("number_separator", "1_000")                                  \
	C("number_space", "1 000")                                      \
	C("number_comma", "1,5")                                        \
	C("number_fullwidth", "\xef\xbc\x91")                           \
	C("number_past_double", "1e999")                                \
	C("number_past_double_minus", "-1e999")                         \
	C("number_past_double_in_array", "[1e309]")                     \
	C("number_past_double_just", "1.7976931348623159e308")          \
	C("number_past_double_in_object", "{\"a\":1e400}")              \
	C("object_open", "{")                                           \
	C("object_key_only", "{\"a\"")                                  \
	C("object_key_closed", "{\"a\"}")                               \
	C("object_colon_only", "{\"a\":")                               \
	C("object_no_value", "{\"a\":}")                                \
	C("object_trailing_comma", "{\"a\":1,}")                        \
	C("object_comma_only", "{,}")                                   \
	C("object_two_commas", "{\"a\":1,,\"b\":2}")                    \
	C("object_no_colon", "{\"a\" 1}")                               \
	C("object_two_colons", "{\"a\"::1}")                            \
	C("object_equals", "{\"a\"=1}")                                 \
	C("object_comma_for_colon", "{\"a\",1}")                        \
	C("object_key_number", "{1:1}")                                 \
	C("object_key_null", "{null:1}")                                \
	C("object_key_word", "{a:1}")                                   \
	C("object_key_single_quoted", "{'a':1}")                        \
	C("object_closed_wrong", "{\"a\":1]")                           \
	C("object_after", "{\"a\":1}#")                                 \
	C("object_twice", "{}{}")                                       \
	C("object_duplicate_key", "{\"a\":1,\"a\":1}")                  \
	C("object_duplicate_key_empty", "{\"\":1,\"\":2}")              \
	C("object_duplicate_key_escaped", "{\"a\":1,\"\\u0061\":2}")    \
	C("object_duplicate_key_nested", "[{\"x\":{\"b\":1,\"b\":2}}]") \
	C("string_open", "\"")                                          \
	C("string_a_open", "\"a")                                       \
	C("string_backslash_open", "\"\\")                              \
	C("string_escaped_quote_open", "\"\\\"")                        \
	C("string_single_quotes", "'a'")                                \
	C("string_no_quotes", "a")                                      \
	C("string_after", "\"a\"b")                                     \
	C("string_escape_x", "\"\\x41\"")                               \
	C("string_escape_a", "\"\\a\"")                                 \
	C("string_escape_0", "\"\\0\"")                                 \
	C("string_escape_quote", "\"\\'\"")                             \
	C("string_escape_newline", "\"\\\n\"")                          \
	C("string_escape_u_upper", "\"\\U0041\"")                       \
	C("string_escape_u_cut", "\"\\u00A\"")                          \
	C("string_escape_u_bad", "\"\\u00G0\"")                         \
	C("string_escape_u_braces", "\"\\u{41}\"")                      \
	C("string_escape_utf8", "\"\\\xc3\xa9\"")                       \
	C("string_high_alone", "\"\\uD83D\"")                           \
	C("string_high_then_a", "\"\\uD83Da\"")                         \
	C("string_high_then_n", "\"\\uD83D\\n\"")                       \
	C("string_high_then_u", "\"\\uD83D\\u0041\"")                   \
	C("string_high_high", "\"\\uD83D\\uD83D\"")                     \
	C("string_high_then_cut", "\"\\uD83D\\u\"")                     \
	C("string_low_alone", "\"\\uDE00\"")                            \
	C("string_low_then_high", "\"\\uDE00\\uD83D\"")                 \
	C("string_high_alone_in_key", "{\"\\uD83D\":1}")                \
	C("string_nul_escaped", "\"a\\u0000b\"")                        \
	C("string_nul_escaped_in_key", "{\"a\\u0000\":1}")              \
	C("string_nul", "\"a\0b\"")                                     \
	C("string_tab", "\"\t\"")                                       \
	C("string_newline", "\"a\nb\"")                                 \
	C("string_1f", "\"\x1f\"")                                      \
	C("string_utf8_cont_alone", "\"\x80\"")                         \
	C("string_utf8_cut_2", "\"\xc3\"")                              \
	C("string_utf8_cut_3", "\"\xe2\x82\"")                          \
	C("string_utf8_cut_4", "\"\xf0\x9f\x98\"")                      \
	C("string_utf8_cut_at_end", "\"\xe2\x82")                       \
	C("string_utf8_overlong_2", "\"\xc0\xaf\"")                     \
	C("string_utf8_overlong_nul", "\"\xc0\x80\"")                   \
	C("string_utf8_overlong_3", "\"\xe0\x80\xaf\"")                 \
	C("string_utf8_overlong_4", "\"\xf0\x80\x80\xaf\"")             \
	C("string_utf8_surrogate", "\"\xed\xa0\x80\"")                  \
	C("string_utf8_surrogate_pair", "\"\xed\xa0\xbd\xed\xb8\x80\"") \
	C("string_utf8_past_10ffff", "\"\xf4\x90\x80\x80\"")            \
	C("string_utf8_5_bytes", "\"\xf8\x88\x80\x80\x80\"")            \
	C("string_utf8_fe", "\"\xfe\"")                                 \
	C("string_utf8_ff_in_key", "{\"\xff\":1}")                      \
	C("string_latin1", "\"\xe9t\xe9\"")

#endif
