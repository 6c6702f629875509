-- SPDX-License-Identifier: Apache-2.0
-- The two tables that every benchmark bar names, and procedures that make a backlog: n rows in transactions of `per`.
-- narrow: about 58 bytes a row in COPY binary; orders: about 227 bytes a row.
create table narrow(id bigint primary key, a int not null, b text, c timestamptz not null);
create table orders(
  id bigint primary key, customer_id bigint not null, product_id int not null, quantity int not null, status text not null,
  unit_price numeric(12,2) not null, total numeric(14,2) not null, currency text not null,
  created_at timestamptz not null, updated_at timestamptz, note text, attributes jsonb);
create sequence ids;

create procedure load_narrow(n bigint, per bigint) language plpgsql as $$
declare at bigint := 0;
begin
  while at < n loop
    insert into narrow select g, g % 1000, substr(md5(g::text), 1, 20), timestamptz '2026-01-01' + g * interval '1 ms'
    from generate_series(at + 1, least(at + per, n)) g;
    at := at + per;
    commit;
  end loop;
end $$;

create procedure load_orders(n bigint, per bigint) language plpgsql as $$
declare at bigint := 0;
begin
  while at < n loop
    insert into orders select g, (g * 7919) % 500000, (g * 31) % 20000, 1 + g % 9, (array['new','paid','packed','shipped','delivered','returned'])[1 + g % 6],
      (g % 100000) / 100.0, (g % 100000) / 100.0 * (1 + g % 9), (array['EUR','USD','GBP','JPY'])[1 + g % 4],
      timestamptz '2026-01-01' + g * interval '1 ms', case when g % 3 = 0 then timestamptz '2026-01-02' + g * interval '1 ms' end,
      case when g % 5 <> 0 then md5(g::text) || ' ' || md5((g + 1)::text) end,
      jsonb_build_object('channel', (array['web','app','store'])[1 + g % 3], 'score', g % 100, 'tags', jsonb_build_array(substr(md5(g::text), 1, 6), 'b'))
    from generate_series(at + 1, least(at + per, n)) g;
    at := at + per;
    commit;
  end loop;
end $$;
