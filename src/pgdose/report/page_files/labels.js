"use strict";
// Which reports are shown: by a label and its state, by disagreement with a person, by words.
const label = document.getElementById("label");
const state = document.getElementById("state");
const differs = document.getElementById("differs");
const words = document.getElementById("words");
const cards = [...document.querySelectorAll(".card")].map((card) => ({
  card,
  states: new Set(card.dataset.states.split(" ")),
  differing: card.dataset.differing.split(" ").filter(Boolean),
  text: card.querySelector(".text").textContent.toLowerCase(),
}));

function isShown(one) {
  if (words.value && !one.text.includes(words.value.toLowerCase())) return false;
  if (differs && differs.checked) {
    if (label.value ? !one.differing.includes(label.value) : !one.differing.length) return false;
  }
  if (label.value && state.value) return one.states.has(`${label.value}=${state.value}`);
  if (label.value && differs?.checked) return true;
  if (label.value) return [...one.states].some(
    (each) => each.startsWith(`${label.value}=`) && !each.endsWith("=unmentioned"));
  if (state.value) return [...one.states].some((each) => each.endsWith(`=${state.value}`));
  return true;
}

function show() {
  let shown = 0;
  for (const one of cards) {
    one.card.hidden = !isShown(one);
    shown += !one.card.hidden;
  }
  document.getElementById("shown").textContent = `${shown} of ${cards.length} reports`;
}

for (const field of [label, state, differs, words]) field?.addEventListener("input", show);
document.getElementById("all").addEventListener("click", () => {
  label.value = state.value = words.value = "";
  if (differs) differs.checked = false;
  show();
});
for (const button of document.querySelectorAll("td button")) {
  button.addEventListener("click", () => {
    label.value = button.dataset.label;
    state.value = button.dataset.state;
    show();
    document.querySelector(".filters").scrollIntoView();
  });
}
show();
