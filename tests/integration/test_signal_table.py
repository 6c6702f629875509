# SPDX-License-Identifier: Apache-2.0
"""leat signal-table create: from an .env file and from URLs, again and again, with grants."""


def env_file(tmp_path, pg, databases):
    path = tmp_path / "shop.env"
    path.write_text(
        "# where the databases are\n"
        f"export POSTGRESQL_HOST=127.0.0.1\nPOSTGRESQL_PORT={pg.port}\nPOSTGRESQL_USER='postgres'\n"
        f'POSTGRESQL_PASSWORD="p@ss:w/rd"  # not asked for\nPOSTGRESQL_DATABASE={databases}\n'
    )
    return path


def columns(db, table):
    return db.query(
        "SELECT column_name, data_type, character_maximum_length, is_nullable FROM information_schema.columns"
        " WHERE table_schema || '.' || table_name = %s ORDER BY ordinal_position",
        (table,),
    )


def test_by_env_file_in_several_databases(leat, pg, db, tmp_path):
    other = pg.create_database()
    path = env_file(tmp_path, pg, f"{db.name}, {other.name}")
    done = leat.run("signal-table", "create", "--env-file", path)
    assert done.stdout.count("debezium_signal") == 2
    assert "p@ss" not in done.stdout + done.stderr
    for database in (db, other):
        assert columns(database, "public.debezium_signal") == [
            ("id", "character varying", 64, "NO"),
            ("type", "character varying", 32, "NO"),
            ("data", "character varying", 16384, "YES"),
        ]
    db.execute("INSERT INTO debezium_signal VALUES ('1', 'log', '{}')")
    leat.run("signal-table", "create", "--env-file", path)
    assert db.value("SELECT count(*) FROM debezium_signal") == 1
    other.drop()


def test_by_url_with_names_and_grants(leat, db):
    db.execute('CREATE ROLE asker')
    leat.run("signal-table", "create", db.url, "--table", 'Odd "s".signals', "--grant", "asker")
    assert len(columns(db, 'Odd "s".signals')) == 3
    table = '"Odd ""s"""."signals"'
    assert db.value("SELECT has_table_privilege('asker', %s, 'INSERT')", (table,))
    db.execute('DROP SCHEMA "Odd ""s""" CASCADE; DROP ROLE asker')


def test_what_is_missing_is_said(leat, tmp_path):
    nothing = leat.run("signal-table", "create", check=False)
    assert nothing.returncode == 2 and "no database is named" in nothing.stderr
    path = tmp_path / "bad.env"
    path.write_text("POSTGRESQL_HOST\n")
    bad = leat.run("signal-table", "create", "--env-file", path, check=False)
    assert bad.returncode == 2 and "bad.env, line 1" in bad.stderr
