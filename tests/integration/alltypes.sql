-- Every built-in type that a column can have, and the extensions' own: NULLs, ordinary values, smallest, largest.
CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'Very Happy ☺');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN price AS numeric(12,3);
CREATE DOMAIN shorttext AS varchar(20);
CREATE TYPE addr AS (street text, no int);
CREATE TABLE alltypes(
 id int PRIMARY KEY, c_smallint smallint, c_int int, c_bigint bigint,
 c_numeric numeric, c_numeric_5_2 numeric(5,2), c_numeric_38_10 numeric(38,10), c_numeric_10_0 numeric(10,0),
 c_real real, c_double double precision, c_bool bool,
 c_char5 char(5), c_char1 char(1), c_qchar "char", c_varchar10 varchar(10), c_varchar varchar, c_text text, c_name name, c_citext citext,
 c_bytea bytea, c_date date, c_time time, c_time3 time(3), c_time0 time(0), c_timetz timetz, c_timetz3 timetz(3),
 c_ts timestamp, c_ts3 timestamp(3), c_ts0 timestamp(0), c_tstz timestamptz, c_tstz3 timestamptz(3), c_interval interval,
 c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_hstore hstore,
 c_inet inet, c_cidr cidr, c_macaddr macaddr, c_macaddr8 macaddr8,
 c_bit1 bit(1), c_bit8 bit(8), c_bit64 bit(64), c_varbit16 varbit(16), c_varbit varbit,
 c_int_a int[], c_smallint_a smallint[], c_bigint_a bigint[], c_bool_a bool[], c_text_a text[], c_varchar_a varchar(5)[], c_numeric_a numeric[], c_numeric_10_2_a numeric(10,2)[],
 c_double_a double precision[], c_date_a date[], c_ts_a timestamp[], c_tstz_a timestamptz[], c_uuid_a uuid[], c_jsonb_a jsonb[], c_bytea_a bytea[], c_int_a2 int[][],
 c_enum mood, c_enum_a mood[], c_domain_int posint, c_domain_num price, c_domain_text shorttext, c_composite addr,
 c_int4range int4range, c_int8range int8range, c_numrange numrange, c_tsrange tsrange, c_tstzrange tstzrange, c_daterange daterange, c_int4multirange int4multirange,
 c_point point, c_line line, c_lseg lseg, c_box box, c_path path, c_polygon polygon, c_circle circle,
 c_money money, c_ltree ltree, c_ltree_a ltree[], c_tsvector tsvector, c_tsquery tsquery, c_oid oid, c_pg_lsn pg_lsn, c_xid xid,
 c_gen int GENERATED ALWAYS AS (c_int / 2) STORED);
INSERT INTO alltypes(id) VALUES (1);                     -- all NULL
INSERT INTO alltypes VALUES (2, 1, 2, 3, 123.4567, 12.34, 1234567890.0123456789, 42,
 1.5, 2.25, true, 'ab', 'x', 'q', 'varchar', 'vc', 'text', 'aname', 'CiText',
 '\x00010aff', '2024-02-29', '13:14:15.123456', '13:14:15.123', '13:14:15', '13:14:15.123456+02', '13:14:15.123-03:30',
 '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15.123', '2024-02-29 13:14:15', '2024-02-29 13:14:15.123456+02', '2024-02-29 13:14:15.123+02', '1 year 2 mons 3 days 04:05:06.789012',
 '123e4567-e89b-12d3-a456-426614174000', '{"a": 1,  "a": [true, null]}', '{"b": 1.50, "a": "x", "a": "y"}', '<a b="c">d</a>', 'k=>v, "k 2"=>NULL, q=>"a\"b"',
 '192.168.1.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
 B'1', B'10000001', B'1000000000000000000000000000000000000000000000000000000000000001', B'101', B'1011010111',
 '{1,2,3}', '{1,2}', '{9223372036854775807,-1}', '{t,f,NULL}', '{a,"b c",NULL,"NULL","q\"uo"}', '{ab,cd}', '{1.5,2,1e10}', '{1.50,-2.25}',
 '{1.5,NaN}', '{2024-02-29,2000-01-01}', '{"2024-02-29 01:02:03.456789"}', '{"2024-02-29 01:02:03.456789+02"}', '{123e4567-e89b-12d3-a456-426614174000}', ARRAY['{"a":1}'::jsonb], '{"\\x0102","\\xff"}', '{{1,2},{3,4}}',
 'ok', '{sad,"Very Happy ☺"}', 5, 99.125, 'dom', ROW('Main St', 5),
 '[1,10)', '[1,10)', '[1.5,2.5]', '[2024-01-01 00:00:00,2024-01-02 12:00:00)', '[2024-01-01 00:00:00+02,)', '[2024-01-01,2024-02-01)', '{[1,3),[5,7)}',
 '(1.5,-2.5)', '{1,2,3}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>',
 '$1,234.56', 'Top.Science.Astronomy', '{Top.A,Top.B}', 'a fat cat', 'fat & rat', 12345, '16/B374D848', '77');
INSERT INTO alltypes VALUES (3, -32768, -2147483648, -9223372036854775808, -0.0000000001, -999.99, -9999999999999999999999999999.9999999999, -9999999999,
 -3.4028235e38, -1.7976931348623157e308, false, '', '', '', '', '', '', '', '',
 '', '0001-01-01', '00:00:00', '00:00:00', '00:00:00', '00:00:00+15:59', '00:00:00+00',
 '0001-01-01 00:00:00', '1970-01-01 00:00:00', '1969-12-31 23:59:59', '0001-01-01 00:00:00+00', '1969-12-31 23:59:59.999+00', '-178000 years -11 mons -29 days -23:59:59.999999',
 '00000000-0000-0000-0000-000000000000', '[]', '{}', '', '',
 '0.0.0.0/0', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00',
 B'0', B'00000000', B'0000000000000000000000000000000000000000000000000000000000000000', B'', B'',
 '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
 'sad', '{}', 1, -999999999.999, '', ROW(NULL,NULL),
 'empty', '(,)', 'empty', '(,)', 'empty', '(,)', '{}',
 '(0,0)', '{1,0,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0))', '((0,0))', '<(0,0),0>',
 '-92233720368547758.08', '', '{}', '', '', 0, '0/0', '0');
INSERT INTO alltypes VALUES (4, 32767, 2147483647, 9223372036854775807, 123456789012345678901234567890.123456789012345678901234567890, 999.99, 9999999999999999999999999999.9999999999, 9999999999,
 1.17549435e-38, 2.2250738585072014e-308, true, 'żółć☺', 'ß', 'z', '日本語日本語日本語日', 'Ünïcödé', E'tab\t nl\n cr\r q" bs\\ nul-ish \u0001 emoji 😀 line\u2028sep', 'näme', 'ÇÉ',
 '\xdeadbeef00ff', '9999-12-31', '24:00:00', '23:59:59.999', '23:59:59', '24:00:00-15:59', '23:59:59.999-12',
 '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999', '2038-01-19 03:14:08', '9999-12-31 23:59:59.999999+00', '2038-01-19 03:14:07.999+00', '178000000 years 11 mons 29 days',
 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{"u":"\u00e9 é 😀","n":1e400,"big":123456789012345678901234567890.10}', '{"u":"é 😀","n":1e40,"big":123456789012345678901234567890.10,"nested":{"z":[1,[2,{"y":null}]]}}', '<?xml version="1.0" encoding="UTF-8"?><r>é</r>', '"é"=>"😀", ""=>""',
 '2001:db8::ff00:42:8329/64', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff',
 B'1', B'11111111', B'1111111111111111111111111111111111111111111111111111111111111111', B'1111111111111111', B'11111111111111111111111111111111111111111111111111111111111111111',
 '{NULL,2147483647}', '{NULL}', '{NULL}', '{NULL}', '{"",é,😀}', '{NULL}', '{NULL,0.00000000001}', '{NULL}', '{NULL,Infinity}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{{{1}},{{2}}}',
 'Very Happy ☺', '{NULL}', 2147483647, 999999999.999, 'é', ROW('é, "q"', -1),
 '(,5]', '[5,)', '(,)', '(,2024-01-01)', '(,)', '[9999-12-31,)', '{(,3),[5,)}',
 '(1e300,-1e-300)', '{0.5,-1.5,1e10}', '[(1e10,1),(2,3)]', '(1.5,2.5),(-1,-2)', '((0,0),(1,1),(2,0))', '((0,0),(1,1.5),(2,0),(3,3))', '<(1.1,2.2),3.3>',
 '92233720368547758.07', 'a_b.C1', '{a}', '''é'':1A ''x'':2', '!a & (b | c:*)', 4294967295, 'FFFFFFFF/FFFFFFFF', '4294967295');
