// The form that starts a job. Its kernel end is start_form.py. What is given is kept with every change. A press of the
// button is a message that brings it along: no press overtakes what was typed before it, and hosts, which put changes
// that come soon after each other together, leave none out.

import "./start_form.css";
import { h } from "./dom.mjs";
import { followTheme } from "./theme.mjs";

const BOX = ""; // the name of the box among the fields

/** How each kind of field is typed into; the others are lines of text. */
const TYPES = { secret: "password", date: "date", instant: "datetime-local" };
const KEYS = { integer: "numeric", number: "decimal" };

const MINUTE = 60_000;

/** An instant as the browser's own control has it: the viewer's clock, without a zone. */
function toClock(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * MINUTE).toISOString().slice(0, 19);
}

/** The control of a field, how a value is put into it, and how it is read; undefined is nothing. */
function controlOf({ kind, name, default: usual, choices }, says) {
  if (kind === "checkbox") {
    const control = h("input", { type: "checkbox" });
    const put = (value) => {
      control.checked = value;
    };
    return { control, put, read: () => control.checked };
  }
  if (kind === "choice") {
    const first = usual === null ? says.unchosen : usual;
    const options = [first, ...choices.map(({ label }) => label)];
    const control = h("select", {}, ...options.map((label, i) => h("option", { value: i || "" }, label)));
    const same = (value) => choices.findIndex((one) => JSON.stringify(one.value) === JSON.stringify(value));
    const put = (value) => {
      control.value = same(value) + 1 || "";
    };
    return { control, put, read: () => choices[control.selectedIndex - 1]?.value };
  }
  const isLong = kind === "structure" || name === BOX;
  const control = isLong
    ? h("textarea", { rows: 2, spellcheck: "false", placeholder: usual })
    : h("input", {
        type: TYPES[kind] ?? "text",
        inputmode: KEYS[kind],
        step: kind === "instant" ? 1 : null,
        placeholder: usual,
        autocomplete: "off",
        spellcheck: "false",
      });
  const put = (value) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    control.value = kind === "instant" ? toClock(text) : text;
  };
  const read = () => {
    if (control.value === "") return undefined;
    return kind === "instant" ? new Date(control.value).toISOString() : control.value;
  };
  return { control, put, read };
}

let forms = 0; // ids are one's own within a page, also where several forms are on it

export default {
  render({ model, el }) {
    const says = model.get("says");
    const prefix = `ry-start-${forms++}`;
    const before = { values: {}, settings: "", ...model.get("given") };

    const drawn = new Map();
    const draw = (field, i) => {
      const { control, put, read } = controlOf(field, says);
      const [id, about, problem] = [`${prefix}-${i}`, `${prefix}-${i}-about`, `${prefix}-${i}-problem`];
      const { name, kind, required } = field;
      const isShown = kind === "checkbox" || kind === "date" || kind === "instant";
      const isTouched = name in before.values;
      if (isTouched) put(before.values[name]);
      else if (isShown && field.default !== null) put(field.default);
      control.id = id;
      control.setAttribute("aria-describedby", `${about} ${problem}`);
      if (required) control.setAttribute("aria-required", "true");
      const said = h("p", { id: problem, class: "ry-problem", role: "alert" });
      const label = h("label", { for: id }, field.label ?? name);
      if (required) label.append(" ", h("span", { class: "ry-required" }, says.required));
      const head = kind === "checkbox" ? h("div", { class: "ry-check" }, control, label) : label;
      const note = h("p", { id: about, class: "ry-about" }, field.about);
      const whole = h("div", { class: "ry-field" }, head, ...(head === label ? [control] : []), note, said);
      const one = { control, read, said, whole, isTouched };
      control.addEventListener("input", () => {
        one.isTouched = true;
        complain(one, "");
        keep();
      });
      drawn.set(name, one);
      return whole;
    };

    const complain = ({ control, said, whole }, text) => {
      said.textContent = text;
      if (text === "") {
        control.removeAttribute("aria-invalid");
        return;
      }
      control.setAttribute("aria-invalid", "true");
      const folded = whole.closest("details");
      if (folded) folded.open = true;
      control.focus();
    };

    const given = () => {
      const values = {};
      const incomplete = [];
      for (const [name, { control, read, isTouched }] of drawn) {
        if (name === BOX || !isTouched) continue;
        const value = read();
        if (value !== undefined) values[name] = value;
        else if (control.validity.badInput) incomplete.push(name);
      }
      return { values, incomplete, settings: drawn.get(BOX).control.value };
    };
    const keep = () => {
      model.set("given", given());
      model.save_changes();
    };

    const fields = model.get("fields");
    const shown = fields.map(draw);
    const box = draw(
      { name: BOX, label: says.settings, kind: "structure", about: "", default: says.settings_hint },
      fields.length,
    );
    drawn.get(BOX).control.value = before.settings;
    const whyNot = model.get("why_not");
    const button = h("button", { type: "submit", class: "ry-go", disabled: whyNot !== "" }, says.start);
    const press = (event) => {
      event.preventDefault();
      if (button.disabled) return;
      for (const one of drawn.values()) complain(one, "");
      keep();
      model.send({ kind: "start", given: given() });
    };
    const root = h(
      "form",
      { class: "ry ry-start", novalidate: true, onsubmit: press },
      ...(shown.length ? [h("p", { class: "ry-about" }, says.intro), ...shown] : []),
      shown.length ? h("details", { open: before.settings !== "" }, h("summary", {}, says.more), box) : box,
      h("span", { class: "ry-act", title: whyNot || null }, button),
    );

    const hear = () => {
      const { name, text } = model.get("problem");
      if (text) complain(drawn.get(name) ?? drawn.get(BOX), text);
    };
    model.on("change:problem", hear);
    const unfollow = followTheme(root, () => {});
    el.replaceChildren(root);
    return () => {
      model.off("change:problem", hear);
      unfollow();
    };
  },
};
